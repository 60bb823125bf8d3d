"""Whose fault it is that the database doesn't take a batch."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from ghostpose.errors import InvalidValueError

_DATA_CLASSES: Final = ("22", "23")
"""Of PostgreSQL's error codes: values that a column can't hold, and broken constraints."""


def is_fault_of_the_data(error: Exception) -> bool:
    """Whether trying again is no use, since what was to be written can't be.

    PostgreSQL's driver has one type for nearly all that the server says: its code tells more.
    """
    if isinstance(error, DataError | IntegrityError | InvalidValueError):
        return True
    said = error.orig.args[:1] if isinstance(error, DBAPIError) and error.orig else ()
    return any(isinstance(one, dict) and one.get("C", "")[:2] in _DATA_CLASSES for one in said)
