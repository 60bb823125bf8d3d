"""At low rates only keyframes are decoded, if they give the rate."""

from __future__ import annotations

import pytest

from ingest.sources.keyframes import KeyframeGate, suffices


def decoded(gate: KeyframeGate, *, every: int, count: int = 200, fps: int = 10) -> list[int]:
    """Return which of `count` packets are decoded; each `every`-th is a keyframe."""
    return [k for k in range(count) if gate.wants(is_keyframe=k % every == 0, time_s=k / fps)]


def test_everything_is_decoded_without_a_rate_limit() -> None:
    assert len(decoded(KeyframeGate("auto", None), every=10)) == 200


def test_keyframes_are_enough_once_their_rate_is_known() -> None:
    chosen = decoded(KeyframeGate("auto", 1.0), every=10)
    assert chosen[:31] == list(range(31)), "until three distances are known"
    assert chosen[31:] == list(range(40, 200, 10))


def test_more_pictures_than_keyframes_means_all_are_decoded() -> None:
    assert len(decoded(KeyframeGate("auto", 2.0), every=10)) == 200


def test_keyframes_that_become_rare_end_it_at_the_next_one() -> None:
    gate = KeyframeGate("auto", 1.0)
    decoded(gate, every=10, count=61)
    assert gate.keyframes_only
    assert gate.wants(is_keyframe=True, time_s=10.0), "four seconds after the one before"
    assert gate.wants(is_keyframe=False, time_s=10.1)


def test_told_to_only_keyframes_are_decoded_from_the_first_packet_on() -> None:
    assert decoded(KeyframeGate("keyframes", None), every=50) == [0, 50, 100, 150]
    assert len(decoded(KeyframeGate("all", 0.1), every=10)) == 200


@pytest.mark.parametrize(
    ("distance_s", "fps", "enough"),
    [(1.0, 1.0, True), (0.5, 1.0, True), (0.4, 1.0, False), (0.1, 1.0, True), (2.0, 1.0, False)],
)
def test_keyframes_suffice_only_if_they_fall_on_the_rate(
    distance_s: float, fps: float, enough: bool
) -> None:
    assert suffices(distance_s, fps) is enough
