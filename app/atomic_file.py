"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ghostpose.errors import ConfigError, DiskError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replaced(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Give an empty file beside `path`; at the end of the block it takes the place of `path`.

    Whatever goes wrong, what was at `path` before is still there, and nothing else is left. The
    file's name ends as `path` does, since writers tell formats by that. It has the rights `mode`,
    less the process's umask, whatever the former file had.

    Raises:
        ConfigError: a file can't be made there.
        DiskError: it can't be written: the disk is full, or fails.
    """
    part = _made_beside(path, mode)
    try:
        yield part
        _synced(part)
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DiskError(f"{path}: can't be written: {reason}; nothing is left of it") from error
    finally:
        part.unlink(missing_ok=True)


def _made_beside(path: Path, mode: int) -> Path:
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: this is a folder: name a file in it")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: this is no file, and must not be replaced by one")
        # No process's number: those of two containers that share the folder may be the same.
        part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    except OSError as error:
        raise ConfigError(f"{path}: can't be written there: {error.strerror}") from error
    return part


def _synced(path: Path) -> None:
    """Have the disk hold it before its name does: a full one may tell only then."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
