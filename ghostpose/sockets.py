"""Where unix sockets are made: Linux cuts off names of over 107 bytes, and TMPDIR may be longer."""

from __future__ import annotations

import multiprocessing.util
import os
import tempfile
from typing import Final

from ghostpose.errors import ConfigError

LONGEST_FOLDER: Final = 70
"""Bytes of a folder's name that leave room for a private folder in it and a socket in that."""

SHORT_FOLDERS: Final = ("/tmp", "/var/tmp")  # noqa: S108 - only private folders are made there


def socket_folder() -> str:
    """Return the temporary folder, or one of a shorter name if sockets in that could not be named.

    Raises:
        ConfigError: this user may write to none of a short name.
    """
    temporary = tempfile.gettempdir()
    for folder in (temporary, *SHORT_FOLDERS):
        if len(os.fsencode(folder)) <= LONGEST_FOLDER and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise ConfigError(
        f"the temporary folder {temporary} has a name too long for sockets in it, and this user may"
        f" not write to {' or '.join(SHORT_FOLDERS)}: set TMPDIR to a folder whose name has at most"
        f" {LONGEST_FOLDER} characters"
    )


def shorten_multiprocessing_sockets() -> None:
    """Have `multiprocessing` make its sockets in `socket_folder()`, here and in its processes.

    It chooses its folder once, when it needs the first; to be called before that.

    Raises:
        ConfigError: see `socket_folder`.
    """
    folder, former = socket_folder(), tempfile.tempdir
    tempfile.tempdir = folder
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = former
