"""A camera's `fps` changes within its session where it only chooses among pictures that come."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from camera_servers import RtspServer, needs_rtsp
from registry_ingest import add, change, sessions, wait_for_frames

from ghostpose.config import CameraConfig
from ingest.prepare import only_prepares
from ingest.sources.keyframes import KeyframeGate

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest_fakes import Consumer
    from registry_ingest import Ingest

    from ghostpose.bus import Bus


@pytest.mark.parametrize(
    ("settings", "goes_on"),
    [
        pytest.param({"source": "rtsp://h/live"}, True, id="a stream's"),
        pytest.param({"source": "device:/dev/video0"}, True, id="a device's"),
        pytest.param({"source": "snapshot:http://h/"}, False, id="a snapshot's, which is fetched"),
        pytest.param({"source": "${env:DOOR_URL}"}, False, id="of what may be a snapshot"),
        pytest.param({"source": "clip.mp4"}, False, id="a recording's"),
        pytest.param({"source": "http://h/clip.mp4", "loop": True}, False, id="a looped one's"),
        pytest.param(
            {"source": "rtsp://h/live", "policy": "every"}, False, id="where none is left"
        ),
    ],
)
def test_whose_rate_may_change_within_a_session(settings: dict[str, Any], goes_on: bool) -> None:
    camera = CameraConfig(name="cam", fps=5, **settings)
    assert only_prepares(camera, camera.model_copy(update={"fps": None})) is goes_on
    assert not only_prepares(camera, camera.model_copy(update={"credit": 9})), "as all else"


def test_another_rate_decides_at_the_next_keyframe_what_is_decoded() -> None:
    gate = KeyframeGate("auto", None)

    def decoded(first: int, last: int) -> int:
        return sum(gate.wants(is_keyframe=k % 5 == 0, time_s=k / 20) for k in range(first, last))

    assert decoded(0, 20) == 20
    gate.fps = 4.0
    assert decoded(20, 40) == 4, "at once: how far keyframes are apart is known"
    gate.fps = None
    assert decoded(41, 45) == 0, "nothing to begin with before the next one"
    assert decoded(45, 65) == 20


@needs_rtsp
def test_the_rate_of_a_stream_changes_without_a_reconnect(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    def wait_for_interval(seconds: float) -> None:
        def is_kept() -> bool:
            times = [frame.info.media_time for frame in consumer.frames[-4:]]
            return all(0.6 * seconds < b - a < 1.4 * seconds for a, b in pairwise(times))

        consumer.wait_for(is_kept, f"frames {seconds} s apart")

    with RtspServer({"/live": {"fps": 20, "keyframes": 5}}) as server:
        start()
        add(bus, "door", source=server.url("/live"), fps=4)
        wait_for_frames(consumer, "door")
        wait_for_interval(0.25)
        change(bus, "door", fps=None)
        wait_for_interval(0.05)
        change(bus, "door", fps=2)
        wait_for_interval(0.5)
        assert len(sessions(consumer, "door")) == 1
