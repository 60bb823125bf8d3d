"""What an operator is told of a camera."""

from __future__ import annotations

import pytest

from app.dashboard.figures import (
    LATE_MS,
    LOST_S,
    SAMPLES,
    SILENT_S,
    Health,
    Rates,
    Sample,
    Track,
    base_hue,
    health_of,
)
from ghostpose.drawing import track_colour


@pytest.mark.parametrize(
    ("status", "silent_s", "latency", "health"),
    [
        ("playing", 0.1, 300, "live"),
        ("playing", 0.1, LATE_MS + 1, "late"),
        ("playing", SILENT_S + 1, 300, "late"),
        ("playing", LOST_S + 1, 300, "lost"),
        ("playing", None, None, "late"),
        ("opening", 0.1, None, "late"),
        ("waiting", 0.1, 300, "lost"),
        ("frozen", 0.1, 300, "lost"),
        ("not played", None, None, "lost"),
        ("paused", 1e6, None, "paused"),
        ("ended", 1e6, None, "ended"),
    ],
)
def test_a_camera_is_live_late_lost_or_at_rest(
    status: str, silent_s: float | None, latency: float | None, health: Health
) -> None:
    assert health_of(status, silent_s=silent_s, in_status_s=1.0, latency=latency) == health


def test_a_camera_that_plays_and_never_gave_a_pose_is_lost_after_a_while() -> None:
    assert health_of("playing", silent_s=None, in_status_s=LOST_S, latency=None) == "lost"


def sample(at_s: float, poses: int, read: int = 0, skipped: int = 0) -> Sample:
    return Sample(at_s, poses, read, skipped, 100.0 + at_s)


def test_rates_are_those_of_the_last_ten_seconds() -> None:
    track = Track()
    assert track.rates() == Rates()
    for number in range(20):
        track.add(sample(2.0 * number, 10 * number, 40 * number, 10 * number))
    rates = track.rates()
    assert rates.fps == pytest.approx(5.0)
    assert rates.skipped == pytest.approx(0.25)
    assert rates.latency_ms == pytest.approx(100 + 2 * (19 - (SAMPLES - 1) / 2))


def test_counters_that_go_back_begin_anew() -> None:
    track = Track()
    for at_s, read in ((0, 100), (2, 200), (4, 7)):
        track.add(sample(at_s, 10, read))
    assert track.rates() == Rates()
    track.add(sample(6, 20, 27, 5))
    assert track.rates().skipped == pytest.approx(0.25)


def test_the_page_has_the_colours_of_drawn_videos() -> None:
    """The page computes them by this rule (colours.js): hue of the camera and a golden turn."""
    hue = (base_hue("hall") + 3 * 0.381966) % 1
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue * 6) % 6
        channels.append(255 * (1 - 210 / 255 * max(0.0, min(k, 4 - k, 1.0))))
    blue, green, red = track_colour("hall-3")
    assert channels == pytest.approx([red, green, blue], abs=6), "OpenCV's hues are of 2 degrees"
