"""Passwords that addresses refer to: looked up where an address is opened, and not before.

An address holds `${env:NAME}` or `${file:PATH}` where its password would stand:
`rtsp://admin:${env:DOOR_PASSWORD}@10.0.0.5/live`. What is found there is percent-encoded, so that
it may hold any character. An address that is a reference and nothing else is replaced as it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ghostpose.errors import SecretError
from ghostpose.redaction import REFERENCE, with_references, without_password

MAX_BYTES: Final = 8192
"""A larger file holds no password and no address."""


def resolved(owner: str, address: str) -> str:
    """Return `address` with what its references stand for; `owner` names it in errors.

    Files are read each time, so that a changed password is used at the next opening.

    Raises:
        SecretError: a variable isn't set, or a file can't be read, is empty or no text.
    """
    whole = REFERENCE.fullmatch(address)
    if whole:
        return _look_up(owner, whole[1], whole[2])
    return with_references(
        address, lambda place, name: quote(_look_up(owner, place, name), safe="")
    )


def plain_password_warning(owner: str, address: str) -> str | None:
    """Return a sentence that names the better way if `address` itself holds a password."""
    shown = without_password(address)
    if shown == address:
        return None
    return (
        f"{owner}: the password stands in its address ({shown}): ${{env:NAME}} or ${{file:PATH}} in"
        " its place keep it out of Redis and of files"
    )


def _look_up(owner: str, place: str, name: str) -> str:
    if place == "file":
        return _read(owner, Path(name))
    value = os.environ.get(name, "")
    if not value:
        raise SecretError(
            f"{owner}: the environment variable {name}, which its address refers to, isn't set"
            " here: set it for this process"
        )
    return value


def _read(owner: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SecretError(
            f"{owner}: the file {path}, which its address refers to, can't be read: {reason}"
        ) from None
    if not text or len(text) > MAX_BYTES:
        raise SecretError(
            f"{owner}: the file {path}, which its address refers to, holds no password:"
            f" wanted 1 to {MAX_BYTES} bytes"
        )
    return text
