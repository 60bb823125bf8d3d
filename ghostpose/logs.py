"""Logging as every process of ghostpose sets it up: to stderr, no password, no forged line."""

from __future__ import annotations

import logging
from typing import Final

from ghostpose.printable import printable, printable_lines
from ghostpose.redaction import without_password

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Safe(logging.Formatter):
    """The last net: hides passwords in whatever is logged, and writes control characters out.

    What begins a line is a record of ours: lines of a trace below it are indented.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = printable(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(without_password(super().format(record)))


def log_to_stderr(level: int) -> None:
    """Have everything from `level` on written to stderr, by this process from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Safe(FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
