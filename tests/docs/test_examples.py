"""The examples of consumers, as processes against a real server with made poses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ghostpose.codec.poses import encode_event, encode_pose
from ghostpose.types import EventMessage, Person, PoseMessage

if TYPE_CHECKING:
    from ghostpose.bus import Bus

EXAMPLES = Path(__file__).parents[2] / "examples"
FPS = 10
CAPTURED_AT = 1_764_100_000.0


def standing(number: int, x: float, y: float) -> Person:
    """Return somebody whose feet aren't seen: it stands at the lower edge of its box."""
    keypoints_k3 = np.zeros((18, 3), np.float32)
    keypoints_k3[0] = (x, y - 90, 0.9)
    return Person(0.9, (x - 20, y - 100, 40, 100), keypoints_k3, f"hall-{number}")


def scene(seq: int) -> list[Person]:
    """One walks from left to right in 6 s; one stands in the corner for 2 s, and is gone."""
    walker = standing(1, 40 + 10 * seq, 300)
    return [walker, standing(2, 620, 460)] if 5 <= seq <= 25 else [walker]


@pytest.fixture
def url(bus: Bus) -> str:
    """Return the address of a server that has seen the scene."""
    bus.register_camera("hall", policy="latest", credit=4)
    for seq in range(60):
        at = seq / FPS
        pose = PoseMessage("hall", 7, seq, CAPTURED_AT + at, at, 640, 480, tuple(scene(seq)))
        fields = {"d": encode_pose(pose), "p": "1764100000000"}
        bus.client.xadd(bus.keys.poses("hall"), fields)
    details = {"track": "hall-2", "captured_at": CAPTURED_AT + 2.5, "foot": [620.0, 460.0]}
    for kind in ("hands_up", "fall"):
        fall = EventMessage(kind, "hall", 7, 25, details)
        bus.client.xadd(bus.keys.events("hall"), {"d": encode_event(fall)})
    return bus.address


def first_line(tmp_path: Path, name: str, *arguments: str) -> str:
    """Run an example from the begin of the streams; return the first line that it prints."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert text.count('start="now"') == 1
    program = tmp_path / name
    program.write_text(text.replace('start="now"', 'start="begin"'), encoding="utf-8")
    command = [sys.executable, str(program), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            return process.stdout.readline()
        finally:
            process.kill()


def test_people_crossing_a_line_are_counted(url: str, tmp_path: Path) -> None:
    line = first_line(tmp_path, "people_crossing_a_line.py", url, "hall", "400,480", "400,0")
    assert line == "hall-1 goes to the right, number 1\n"


def test_the_time_that_people_stay_in_a_zone_is_told(url: str, tmp_path: Path) -> None:
    corners = ("600,400", "640,400", "640,480", "600,480")
    line = first_line(tmp_path, "dwell_time_in_a_zone.py", url, "hall", *corners)
    assert line == "hall-2 stayed 2.0 s\n"


def test_the_fall_detector_says_who_fell_where(url: str, tmp_path: Path) -> None:
    assert first_line(tmp_path, "fall_detector.py", url) == (
        "19:46:42 hall: hall-2 lies at (620.0, 460.0)\n"
    )


def test_the_heat_map_is_brightest_where_somebody_stood(url: str, tmp_path: Path) -> None:
    path = tmp_path / "heat.png"
    subprocess.run([sys.executable, str(EXAMPLES / "heat_map.py"), url, "hall", path], check=True)
    picture_hw3 = cv2.imread(str(path))
    assert picture_hw3.shape == (480, 640, 3)
    heat_hw = picture_hw3.sum(axis=2)
    y, x = np.unravel_index(heat_hw.argmax(), heat_hw.shape)
    assert abs(x - 620) < 24
    assert abs(y - 460) < 24
    assert heat_hw[300, 300] > heat_hw[100, 300]
