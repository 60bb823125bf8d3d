"""Writing what is selected of the store: one pass, each file whole or not at all."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, get_args

from app.atomic_file import replaced
from app.folders import make_output
from app.jobs.exports.coco_file import CocoFile
from app.jobs.exports.mot_file import MotFile
from app.jobs.exports.tables import CsvFile, ParquetFile
from app.jobs.requests import ExportFormat
from app.jobs.stored import opened_store, parts_of, poses_of
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import Engine

    from app.jobs.progress import Progress
    from app.jobs.requests import ExportResults
    from app.jobs.stored import Part
    from ghostpose.types import PoseMessage


class ResultsFile(Protocol):
    """A file of some format that is being written."""

    def add(self, pose: PoseMessage) -> None:
        """Take in a frame, in order."""

    def close(self) -> None:
        """Finish the file."""


_WRITERS: Final[dict[ExportFormat, Callable[[Path], ResultsFile]]] = {
    "parquet": ParquetFile,
    "csv": CsvFile,
    "coco": CocoFile,
    "mot": MotFile,
}

_BY_SUFFIX: Final[dict[str, ExportFormat]] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".json": "coco",
    ".txt": "mot",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    frames: int
    people: int
    files: tuple[str, ...]


def format_of(given: str | None, output: Path) -> ExportFormat:
    """Return the format that was given, or that a file's name stands for.

    Raises:
        ConfigError: there is no such format.
    """
    names = get_args(ExportFormat)
    if given is not None and given not in names:
        raise ConfigError(f"--format {given}: no such format: choose {', '.join(names)}")
    for name in names:
        if given == name:
            return name  # type: ignore[no-any-return]
    if output.suffix not in _BY_SUFFIX:
        raise ConfigError(
            f"--output {output}: its name doesn't say which format it is to have: add --format"
            f" {', '.join(names)}"
        )
    return _BY_SUFFIX[output.suffix]


def export_results(request: ExportResults, store_url: str | None, progress: Progress) -> Exported:
    """Write the stored poses that `request` selects.

    MOT has one file a session: `output` is a folder, unless its name ends in `.txt`.

    Raises:
        UserError: nothing is selected, or it can't be written so.
        StoreError: there is no such store, or it can't be used.
        DiskError: the disk is full, or fails; nothing is left of that file.
    """
    with opened_store(store_url) as engine:
        parts = parts_of(engine, request.selection)
        progress.begin(sum(part.frames for part in parts), "frames")
        files = _files(request, parts)
        done = [_write(engine, request, path, its, progress) for path, its in files]
    frames, people = (sum(counts) for counts in zip(*done, strict=True))
    return Exported(frames, people, tuple(str(path) for path, _ in files))


def _files(request: ExportResults, parts: Sequence[Part]) -> list[tuple[Path, Sequence[Part]]]:
    """Return which file is to hold which parts."""
    output = request.output
    if request.format != "mot":
        return [(output, parts)]
    if output.suffix == ".txt":
        if len(parts) > 1:
            raise ConfigError(
                f"--output {output}: MOT has one session a file, and {len(parts)} are selected:"
                " choose one by --session, or name a folder"
            )
        return [(output, parts)]
    make_output(output)
    return [(output / f"{one.camera}-{one.session}.txt", [one]) for one in parts]


def _write(
    engine: Engine,
    request: ExportResults,
    path: Path,
    parts: Sequence[Part],
    progress: Progress,
) -> tuple[int, int]:
    """Write one file; return how many frames and people."""
    frames = people = 0
    with ExitStack() as stack:
        file = stack.enter_context(
            closing(_WRITERS[request.format](stack.enter_context(replaced(path))))
        )
        for part in parts:
            for pose in poses_of(engine, part):
                file.add(pose)
                frames, people = frames + 1, people + len(pose.people)
                progress.advance()
    return frames, people
