"""Progress: the last count is always told, the others now and then."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, cast

from app.jobs import worker
from app.jobs.progress import Progress, Step
from app.jobs.requests import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from rq.job import Job


def test_the_beginning_and_the_end_are_told_and_little_between() -> None:
    told: list[Step] = []
    progress = Progress(told.append)
    progress.begin(1000, "frames")
    for _ in range(1000):
        progress.advance()
    progress.end()
    assert told[0] == Step(0, 1000, "frames")
    assert told[-1] == Step(1000, 1000, "frames")
    assert len(told) < 10


def test_a_percentage_needs_a_total() -> None:
    assert Step(30, 120).percent == 25
    assert Step(130, 120).percent == 100, "a container may promise fewer frames than it has"
    assert Step(30).percent is None


class _SlowJob:
    """A job whose first meta takes as long to the server as the test wants."""

    def __init__(self) -> None:
        self.meta: dict[str, Any] = {}
        self.saved: dict[str, Any] = {}
        self.on_its_way, self.arrives = threading.Event(), threading.Event()

    def save_meta(self) -> None:
        written = json.dumps(self.meta)
        if not self.on_its_way.is_set():
            self.on_its_way.set()
            assert self.arrives.wait(60)
        self.saved = json.loads(written)


def test_progress_that_was_on_its_way_does_not_hide_the_session_that_was_opened_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two threads write them; who is killed then would begin anew beside its part."""
    job = _SlowJob()

    def perform(
        _: object,
        __: object,
        progress: Progress,
        *,
        former: int | None,
        opened: Callable[[int], None],
    ) -> None:
        assert former is None
        teller = threading.Thread(target=progress.end)
        opener = threading.Thread(target=opened, args=(7,))
        teller.start()
        assert job.on_its_way.wait(60)
        opener.start()
        opener.join(0.2)  # it may have written, or waits for its turn
        job.arrives.set()
        teller.join()
        opener.join()

    monkeypatch.setattr("app.jobs.perform.perform", perform)
    monkeypatch.setattr(worker, "request_of", lambda _: None)
    worker._do(cast("Job", job), Site("redis://nowhere", None))
    assert job.saved["session"] == 7
