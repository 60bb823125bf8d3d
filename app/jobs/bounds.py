"""Which files a job may name: those in its worker's folders, if it has any, and never the store's.

Who may write to the queue names paths, and the worker's user often may read and write more than any
job should. Links are followed before a path is judged.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.requests import Analyze, ExportResults, Render, Report, Retain
from ghostpose.errors import ConfigError
from ghostpose.redaction import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.jobs.requests import AnyRequest
    from ghostpose.config import CameraConfig


def resolved_folders(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return folders as they are really called, links followed.

    Raises:
        ConfigError: one isn't there, or is no folder.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"--folder {folder}: there is no such folder on this machine")
        found.append(folder.resolve())
    return tuple(found)


def check_within(request: AnyRequest, folders: Sequence[Path]) -> None:
    """See that all paths of a request are within one of `folders`; none of these = no bound.

    Raises:
        ConfigError: one isn't, or a recording is neither a file, a folder nor a test pattern.
    """
    if not folders:
        return
    for path in _paths(request):
        if not any(_real(path).is_relative_to(folder) for folder in folders):
            raise ConfigError(
                f"{path}: is outside of the folders that this worker of jobs may use"
                f" ({', '.join(map(str, folders))}): put it there, or give the worker another"
                " --folder"
            )


def check_store_is_spared(request: AnyRequest, store_url: str | None) -> None:
    """See that what a request writes takes no file's place that the database is in.

    Raises:
        ConfigError: it would.
        StoreError: `store_url` is no address.
    """
    if store_url is None or isinstance(request, Analyze | Retain):
        return
    from postprocess.store.database import files_of

    if any(_is_same(request.output, file) for file in files_of(store_url)):
        raise ConfigError(
            f"--output {request.output}: the store is in this file: give another name"
        )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one isn't there yet
        return _real(one) == _real(other)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name too long
        raise ConfigError(f"{str(path)[:200]!r}: this can't be the name of a file") from error


def _paths(request: AnyRequest) -> Iterator[Path]:
    match request:
        case Analyze():
            yield from _read_by(request.camera)
        case Render():
            yield from _read_by(request.camera)
            yield request.output
        case ExportResults() | Report():
            yield request.output
        case Retain():
            pass


def _read_by(camera: CameraConfig) -> Iterator[Path]:
    """Yield what playing a recording opens: of a folder of pictures, what its links lead to, too.

    Raises:
        ConfigError: it is none on this machine.
        SourceError: its source is none.
    """
    # These bring OpenCV, and who imports this module may fork.
    from ingest.sources.address import parse_address
    from ingest.sources.image_folder import SUFFIXES

    address = parse_address(camera.name, camera.source)
    # What a reference stands for is a password of this machine; an address sends it to any host.
    if address.kind not in ("file", "folder", "pattern") or REFERENCE.search(camera.source):
        raise ConfigError(
            f"camera {camera.name}: a worker of jobs that is bound to folders plays only files and"
            " folders of pictures in them, and test patterns"
        )
    if address.kind == "pattern":
        return
    yield address.path
    if address.kind == "folder" and address.path.is_dir():
        entries = [Path(entry) for entry in os.scandir(address.path) if entry.is_symlink()]
        yield from (entry for entry in entries if entry.suffix.lower() in SUFFIXES)
