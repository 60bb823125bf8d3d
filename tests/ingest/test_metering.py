"""A camera's frames as metrics, counted by what its totals have grown by."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import REGISTRY

from ghostpose.codec.camera_state import CameraCounts, CameraState
from ingest.counters import Tally
from ingest.metering import Metering

STATE = CameraState("metered", "playing", 0.0, "w", "h", 1, last_seen=17.5)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"ghostpose_{name}", {"camera": "metered", **labels})


def frames(outcome: str, reason: str = "") -> float | None:
    return value("frames_total", outcome=outcome, reason=reason)


def test_only_what_is_new_is_counted_and_a_session_that_goes_on_counts_nothing_back() -> None:
    metering = Metering("metered")
    metering.note(Tally(read=5, published=3, skipped={"rate": 2}), STATE)
    assert (frames("read"), frames("published"), frames("skipped", "rate")) == (5, 3, 2)
    counts = replace(CameraCounts(), reconnects=2)
    metering.note(Tally(read=9, published=6, skipped={"rate": 3}), replace(STATE, counts=counts))
    assert (frames("read"), frames("published"), frames("skipped", "rate")) == (9, 6, 3)
    assert value("reconnects_total") == 2
    assert value("camera_last_seen_timestamp_seconds") == 17.5
    assert value("camera_playing") == 1
    metering.note(Tally(read=2), STATE)
    assert frames("read") == 9
    metering.end()
    assert value("camera_playing") == value("camera_last_seen_timestamp_seconds") == 0
