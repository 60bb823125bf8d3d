"""Progress: the last count is always told, the others now and then."""

from __future__ import annotations

from app.jobs.progress import Progress, Step


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
