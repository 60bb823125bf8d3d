"""Files that grow message by message: each message is written whole, or not at all."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, TYPE_CHECKING

from ghostpose.errors import DiskError

if TYPE_CHECKING:
    from pathlib import Path


class WholeFile:
    """Appends to an empty, unbuffered file; `path` names it in errors."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path
        self.bytes = 0
        """What was written."""

    def append(self, message: bytes) -> None:
        """Write a message.

        Raises:
            DiskError: it doesn't fit; what was written before is whole.
        """
        left = memoryview(message)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self.bytes)
            raise DiskError(
                f"{self._path}: can't be written after {self.bytes} bytes, which are whole:"
                f" {error.strerror}"
            ) from error
        self.bytes += len(message)
