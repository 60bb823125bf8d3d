"""What became of analyses that were begun on this machine: so that the same command goes on after
it was killed, and does nothing again.

A small file for each camera of a site (a store or a deployment), in `$XDG_STATE_HOME/ghostpose`.
Nothing is lost with it but that knowledge.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from app.atomic_file import replaced
from app.jobs.analysis import Analysed  # noqa: TC001 - pydantic reads annotations
from ghostpose.errors import GhostposeError
from ghostpose.frozen import Frozen
from ingest.sources.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.config import CameraConfig


class Entry(Frozen):
    """An analysis: of what, since when (Unix ms), the sessions it opened, and how it ended."""

    recording: str
    since_ms: int
    sessions: tuple[int, ...] = ()
    done: Analysed | None = None

    def opened(self, session: int) -> Entry:
        """Return it with a session that it has opened, too."""
        if session in self.sessions:
            return self
        return self.model_copy(update={"sessions": (*self.sessions, session)})


@dataclass(frozen=True, slots=True)
class Journal:
    """The entries of one site. `say` is told if they can't be kept."""

    folder: Path
    say: Callable[[str], None]

    @classmethod
    def of(cls, site: str, say: Callable[[str], None]) -> Self:
        """Return that of a site, by whatever names it."""
        name = hashlib.sha256(site.encode()).hexdigest()[:16]
        return cls(_state_folder() / "ghostpose" / "analyses" / name, say)

    def begin(self, camera: str, recording: str, now_ms: int, *, again: bool) -> Entry:
        """Return what is known of an analysis, or else begin it; `again`: also if it is done."""
        known = self.read(camera)
        if known is None or known.recording != recording or (again and known.done is not None):
            known = Entry(recording=recording, since_ms=now_ms)
            self.keep(camera, known)
        return known

    def keep(self, camera: str, entry: Entry) -> None:
        """Write an entry, whole or not at all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replaced(self._path(camera)) as part:
                part.write_text(entry.model_dump_json(), encoding="utf-8")
        except (OSError, GhostposeError) as error:
            self.say(
                f"ghostpose: camera {camera}: nobody will know how far it was analysed, since"
                f" {self.folder} can't be written to ({error}): set XDG_STATE_HOME to a folder that"
                " can"
            )

    def note_done(self, camera: str, done: Analysed) -> None:
        """Add what came of an analysis."""
        if (entry := self.read(camera)) is not None:
            self.keep(camera, entry.model_copy(update={"done": done}))

    def read(self, camera: str) -> Entry | None:
        """Return what is known of a camera's analysis, if anything."""
        with suppress(OSError, ValidationError):
            return Entry.model_validate_json(self._path(camera).read_bytes())
        return None

    def _path(self, camera: str) -> Path:
        return self.folder / f"{camera}.json"


def note_opened(folder: Path, camera: str, session: int) -> None:
    """Add a session that an analysis has opened to its entry; for the process that plays it.

    If that can't be kept, whoever began the entry has said so.
    """
    journal = Journal(folder, lambda _: None)
    if (entry := journal.read(camera)) is not None:
        journal.keep(camera, entry.opened(session))


def _state_folder() -> Path:
    if given := os.environ.get("XDG_STATE_HOME"):
        return Path(given)
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError:  # a user of a number only, as in containers
        return Path("/dev/null")  # where nothing can be kept, which is said


def recording_of(camera: CameraConfig, *how: str) -> str:
    """Return what tells a recording and how it is played from others, as a digest.

    It changes with the file's size and time, and with any setting; `how` is more of that.
    """
    settings = camera.model_dump_json(exclude={"credit"})
    address = parse_address(camera.name, camera.source)
    files = [address.path] if address.kind == "file" else []
    if address.kind == "folder" and address.path.is_dir():
        files = sorted(address.path.iterdir())
    stats = [(str(file), file.stat()) for file in files if file.exists()]
    seen = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(json.dumps([settings, seen, how]).encode()).hexdigest()
