"""Analyses by a pipeline of one's own: each is in the store once, however often it was killed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from app.jobs.analysis import Analysed, check_stored
from app.jobs.stored import store_errors_told
from ghostpose.errors import StoreError
from postprocess.store import open_database
from postprocess.store.removal import remove_cut_off

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.jobs.journal import Entry, Journal
    from app.summary import CameraTally


@dataclass(slots=True)
class Books:
    """Notes what a run comes to, and removes what is there of the same from calls that were killed.

    Not before it is done anew: until then the part that there is stays.
    """

    journal: Journal
    store_url: str
    _open: dict[str, Entry] = field(default_factory=dict)

    def begin(self, camera: str, recording: str, *, again: bool) -> Analysed | None:
        """Begin an analysis; return what came of it if it was done before and all is stored."""
        now_ms = int(time.time() * 1000)
        entry = self.journal.begin(camera, recording, now_ms, again=again)
        if entry.done is not None and self._is_stored(entry.done):
            self._remove_cut_off(camera, entry)
            return entry.done
        self._open[camera] = entry.model_copy(update={"done": None})
        return None

    def look(self, tallies: Mapping[str, CameraTally]) -> None:
        """Note what the run has come to: sessions that were opened, and recordings that ended."""
        for camera, tally in tallies.items():
            entry = self._open[camera]
            if entry.done is not None or not tally.sessions:
                continue
            session = max(tally.sessions)
            now = entry.opened(session)
            if tally.finished:
                sums = tally.summary()
                done = Analysed(camera, session, sums.frames, sums.poses, sums.skipped, sums.dead)
                now = now.model_copy(update={"done": done})
            if now != entry:
                self._open[camera] = now
                self.journal.keep(camera, now)

    def close(self) -> None:
        """Remove what former calls left of all that is done now."""
        for camera, entry in self._open.items():
            if entry.done is not None and self._is_stored(entry.done):
                self._remove_cut_off(camera, entry)

    def _is_stored(self, done: Analysed) -> bool:
        try:
            check_stored(done, self.store_url)
        except StoreError:
            return False
        return True

    def _remove_cut_off(self, camera: str, entry: Entry) -> None:
        assert entry.done is not None
        assert entry.done.session is not None
        with store_errors_told():
            engine = open_database(self.store_url)
            try:
                remove_cut_off(
                    engine,
                    camera,
                    since=entry.since_ms,
                    until=entry.done.session,
                    known=entry.sessions,
                )
            finally:
                engine.dispose()


def site_of(store_url: str) -> str:
    """Return what names a store from anywhere: an SQLite file's path is made absolute."""
    url = make_url(store_url)
    if url.get_backend_name() == "sqlite":
        return str(Path(url.database or "").absolute())
    return store_url
