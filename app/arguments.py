"""Passwords on ghostpose's own command line: taken off what `ps` shows, as early as possible."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Final

from ghostpose.redaction import without_password

_START, _END = 45, 46
"""Where the arguments lie in memory: fields of `/proc/self/stat` behind the process's name."""

_STOP: Final = b"\0"


def hide_passwords_of_arguments() -> None:
    """Overwrite this process's arguments that hold a password with what may be shown of them.

    Python has its own copy. Whoever looks in the first hundredths of a second still sees them:
    an address that refers to its password is the better way.
    """
    try:
        fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return  # no /proc: then nobody sees the arguments there either
    start, size = int(fields[_START]), int(fields[_END]) - int(fields[_START])
    shown = b"".join(map(_shown, ctypes.string_at(start, size).split(_STOP)[:-1]))
    ctypes.memmove(start, shown, size)


def _shown(argument: bytes) -> bytes:
    """Return an argument of the same length, without a password, and its end."""
    hidden = without_password(argument.decode(errors="surrogateescape"))
    data = hidden.encode(errors="surrogateescape")
    # What was longer is cut, what was shorter is filled with ends of arguments.
    return data[: len(argument)].ljust(len(argument), _STOP) + _STOP
