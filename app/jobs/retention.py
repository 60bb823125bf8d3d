"""Removing what is too old or too much from the store, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.jobs.stored import opened_store, store_errors_told
from ghostpose.errors import ConfigError
from postprocess.store import open_database
from postprocess.store.retention import Retention, prune

if TYPE_CHECKING:
    from app.jobs.progress import Progress
    from app.jobs.requests import Retain
    from postprocess.store.pruning import Removed


@dataclass(frozen=True, slots=True)
class Retained:
    """What was removed, how many bytes the rows that are left take, and the files with them."""

    frames: int
    people: int
    used_bytes: int
    file_bytes: int


def retain(request: Retain, store_url: str | None, progress: Progress) -> Retained:
    """Remove what `request` doesn't keep, in small steps; stores may go on writing meanwhile.

    Raises:
        ConfigError: nothing says how much is to be kept, or where.
        StoreError: there is no such store, or it can't be used.
    """
    if request.keep_days is None and request.max_gb is None:
        raise ConfigError(
            "how much is to be kept? Give --keep-days, --max-gb, or store's in --config"
        )
    with opened_store(store_url):
        assert store_url is not None  # it is there, so nothing is made where nothing was

    def tell(removed: Removed) -> None:
        progress.reach(removed.frames)

    progress.begin(None, "frames")
    with store_errors_told():
        engine = open_database(store_url)
        try:
            done = prune(engine, Retention(request.keep_days, request.max_gb), tell)
        finally:
            engine.dispose()
    removed = done.removed
    return Retained(removed.frames, removed.people, done.used_bytes, done.file_bytes)
