"""How long a camera bears a server that is away."""

from __future__ import annotations

import threading

import pytest

from ghostpose.bus.backoff import Backoff
from ghostpose.errors import BusUnavailableError
from ingest.backoff import STOP_GRACE_S, Patience


def test_a_stopping_session_is_patient_for_a_moment_only() -> None:
    assert STOP_GRACE_S <= 5


def test_waits_grow_to_a_limit_and_are_never_the_same() -> None:
    backoff = Backoff(0.1, 5.0)
    waits = [backoff.next_s() for _ in range(100)]
    assert 0.05 <= waits[0] <= 0.1
    assert all(2.5 <= wait <= 5.0 for wait in waits[10:])
    assert len(set(waits)) > 90


def test_patience_ends_after_the_longest_outage() -> None:
    patience = Patience("cam", threading.Event(), outage_s=0.2)

    def attempt() -> None:
        raise BusUnavailableError("away")

    with pytest.raises(BusUnavailableError, match="away"):
        patience.call(attempt, wait_when_full=True)
