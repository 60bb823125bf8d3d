"""Logging as every process of ghostpose sets it up: to stderr, and never a password."""

from __future__ import annotations

import logging
from typing import Final

from ghostpose.redaction import without_password

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _WithoutPasswords(logging.Formatter):
    """The last net: hides passwords in whatever is logged, traces of errors too."""

    def format(self, record: logging.LogRecord) -> str:
        return without_password(super().format(record))


def log_to_stderr(level: int) -> None:
    """Have everything from `level` on written to stderr, by this process from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_WithoutPasswords(FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
