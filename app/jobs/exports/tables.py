"""CSV and Parquet: the same rows, as text and as typed columns."""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING, Any, Final

from app.jobs.exports.rows import COLUMNS, KEYPOINT_COLUMNS, rows_of
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.types import PoseMessage

ROWS_A_GROUP: Final = 20_000
"""Rows that Parquet holds in memory before it writes them: some 10 MB."""

_TYPES: Final = {
    "camera": "string", "session": "int64", "seq": "int64", "captured_at": "float64",
    "media_time": "float64", "width": "int32", "height": "int32", "track": "string",
    "score": "float32", "x": "float32", "y": "float32", "w": "float32", "h": "float32",
    **dict.fromkeys(KEYPOINT_COLUMNS, "float32"),
}  # fmt: skip


class CsvFile:
    """Comma-separated values with a line of names, UTF-8."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def add(self, pose: PoseMessage) -> None:
        """Write a frame's people."""
        self._writer.writerows(rows_of(pose))

    def close(self) -> None:
        """Write the rest."""
        self._file.close()


class ParquetFile:
    """Apache Parquet, compressed, through pyarrow.

    Raises:
        ConfigError: pyarrow isn't installed.
    """

    def __init__(self, path: Path) -> None:
        arrow, parquet = _pyarrow()
        self._arrow = arrow
        self._schema = arrow.schema(
            [(name, getattr(arrow, kind)()) for name, kind in _arrow_types()]
        )
        # A file of Python's, whose errors say what is wrong with the disk.
        self._file: IO[bytes] = path.open("wb")
        self._writer = parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []

    def add(self, pose: PoseMessage) -> None:
        """Take a frame's people in, and write those of many frames at once."""
        self._rows += rows_of(pose)
        if len(self._rows) >= ROWS_A_GROUP:
            self._write()

    def close(self) -> None:
        """Write the rest, and the end without which nobody can read it."""
        self._write()
        self._writer.close()
        self._file.close()

    def _write(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(COLUMNS)
        arrays = [
            self._arrow.array(column, type=field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))
        self._rows = []


def _arrow_types() -> list[tuple[str, str]]:
    return [(name, _TYPES[name]) for name in COLUMNS]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(
            "Parquet needs pyarrow, which is not installed: pip install 'ghostpose[export]', or"
            " choose another format"
        ) from error
    return pyarrow, pyarrow.parquet
