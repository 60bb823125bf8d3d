"""What the dashboard does again and again: it goes on, and whoever watches hears of its faults."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from bus_servers import until

from app.dashboard import beats
from app.dashboard.beats import Beats
from ghostpose.errors import BusUnavailableError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Outcome = Exception | None


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what `/healthz` has heard of."""
    heard: list[str] = []
    monkeypatch.setattr(beats, "turned", heard.append)
    return heard


@pytest.fixture
def play() -> Iterator[Callable[..., list[Exception]]]:
    """Have beats come to these outcomes, one after the other; return what failed."""
    started: list[Beats] = []

    def run(*outcomes: Outcome) -> list[Exception]:
        left, failures = list(outcomes), list[Exception]()

        def beat() -> float:
            outcome = left.pop(0) if left else None
            if outcome is not None:
                raise outcome
            return 0.0 if left else 60.0

        started.append(Beats("looking", beat, failures.append))
        started[-1].start()
        until(lambda: not left, "all beats came")
        started[-1].join()
        return failures

    yield run
    for one in started:
        one.join()


def test_a_surprise_is_logged_once_with_its_trace_and_the_next_beat_comes(
    play: Callable[..., list[Exception]], turns: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    failures = play(None, KeyError("hall"), KeyError("hall"), DecodeError("bad"), None)
    assert len(failures) == 3
    assert turns == ["looking", "looking"], "a beat that failed is none"
    assert [record.getMessage() for record in caplog.records] == [
        "looking failed, and is tried again: KeyError('hall')",
        "looking failed, and is tried again: DecodeError('bad')",
    ]
    assert all(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)


def test_a_server_that_is_away_is_a_warning_and_no_reason_to_start_again(
    play: Callable[..., list[Exception]], turns: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    play(BusUnavailableError("gone"), BusUnavailableError("gone"), TypeError("x"), None)
    assert turns == ["looking"] * 3
    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert said == [
        (logging.WARNING, "looking waits for the server: gone"),
        (logging.ERROR, "looking failed, and is tried again: TypeError('x')"),
    ]
