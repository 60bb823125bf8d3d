"""Which frames go through the network together, and which are too old for it."""

from __future__ import annotations

import numpy as np
import pytest
import samples

from ghostpose.bus import FrameDelivery
from ghostpose.types import FrameId, FrameMessage
from workers.batching import PreparedFrame, by_size, in_batches, is_stale


def frame(seq: int, height: int, width: int) -> PreparedFrame:
    message = FrameMessage(FrameId("lobby", 1, seq, seq + 1), samples.info(), samples.picture(), 0)
    delivery = FrameDelivery("frames", f"{seq}-0", message, 1)
    return PreparedFrame(delivery, np.zeros((height, width, 3), np.uint8))


def seqs(frames: list[PreparedFrame]) -> list[int]:
    return [one.delivery.message.id.seq for one in frames]


def test_frames_of_one_size_go_together_in_the_order_they_came() -> None:
    frames = [frame(0, 8, 16), frame(1, 16, 16), frame(2, 8, 16), frame(3, 16, 16)]
    assert [seqs(group) for group in by_size(frames)] == [[0, 2], [1, 3]]


def test_batches_are_full_but_for_the_last() -> None:
    frames = [frame(seq, 8, 8) for seq in range(5)]
    assert [seqs(list(batch)) for batch in in_batches(frames, 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("max_age_ms", "age_ms", "stale"),
    [
        pytest.param(0, 1e9, False, id="without a limit no age is too old"),
        pytest.param(500, 499, False, id="younger than the limit is fresh"),
        pytest.param(500, 501, True, id="older than the limit is stale"),
        pytest.param(500, -1000, False, id="a capture clock that runs ahead is fresh"),
    ],
)
def test_a_frame_is_stale_by_its_own_limit(max_age_ms: float, age_ms: float, stale: bool) -> None:
    info = samples.info(captured_at=1.7e9, max_age_ms=max_age_ms)
    assert is_stale(info, 1.7e12 + age_ms) is stale
