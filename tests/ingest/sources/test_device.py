"""Cameras at this machine, by a stand-in for OpenCV's capture: CI has no /dev/video."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import pytest

from ghostpose.errors import SourceError
from ghostpose.live import is_live
from ingest.sources import open_source
from ingest.sources.device import Device, DeviceOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.config import CameraConfig


class FakeCapture:
    """Gives `count` pictures of a driver whose clock is at 5 s, then none: unplugged."""

    def __init__(self, count: int = 5, *, opened: bool = True, grey: bool = False) -> None:
        self.count, self.opened, self.grey = count, opened, grey
        self.given, self.released = 0, False
        self.properties: dict[int, float] = {cv2.CAP_PROP_FPS: 20.0}

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def set(self, name: int, value: float) -> bool:
        self.properties[name] = value
        return True

    def get(self, name: int) -> float:
        if name == cv2.CAP_PROP_POS_MSEC:
            return 5000.0 + 50.0 * self.given
        return self.properties.get(name, 0.0)

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.given == self.count:
            return False, None
        self.given += 1
        return True, np.full((48, 64) if self.grey else (48, 64, 3), self.given, np.uint8)

    def release(self) -> None:
        self.released = True


def device(fake: FakeCapture, options: DeviceOptions = DeviceOptions()) -> Device:  # noqa: B008
    return Device("cam", Path("/dev/null"), options, lambda _: cast("Any", fake))


def test_pictures_come_with_the_drivers_clock_until_it_is_unplugged() -> None:
    fake = FakeCapture(5)
    opened = device(fake)
    assert (opened.info.live, opened.info.nominal_fps) == (True, 20.0)
    pictures = opened.pictures()
    times = [p.media_time for p in islice(pictures, 4)]  # type: ignore[union-attr]
    assert np.diff(np.array(times, float)) == pytest.approx(0.05)
    with pytest.raises(SourceError, match="camera cam: /dev/null gives no picture: unplugged"):
        next(pictures)
    opened.close()
    assert fake.released


def test_it_is_asked_for_size_rate_and_format() -> None:
    fake = FakeCapture()
    device(fake, DeviceOptions(width=1280, height=720, fps=30, format="MJPG"))
    assert fake.properties[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert fake.properties[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert fake.properties[cv2.CAP_PROP_FPS] == 30
    assert fake.properties[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")


def test_grey_pictures_become_three_channels() -> None:
    (picture,) = islice(device(FakeCapture(grey=True)).pictures(), 1)
    assert picture.pixels(64, 48).shape == (48, 64, 3)  # type: ignore[union-attr]


def test_a_device_that_does_not_open_is_left_again() -> None:
    fake = FakeCapture(opened=False)
    with pytest.raises(SourceError, match="/dev/null can't be opened"):
        device(fake)
    assert fake.released


def test_a_device_that_is_not_there_is_one_sentence(camera: Callable[..., CameraConfig]) -> None:
    for source in ("device:/dev/video97", "/dev/video97", "/dev/v4l/by-id/usb-97"):
        with pytest.raises(SourceError, match=r"there is no device /dev/\S+97: is it plugged in"):
            open_source(camera(source))


@pytest.mark.parametrize("options", ["width=0", "format=MJPEG", "colour=red"])
def test_an_option_that_makes_no_sense_is_one_sentence(
    options: str, camera: Callable[..., CameraConfig]
) -> None:
    with pytest.raises(SourceError, match="option"):
        open_source(camera(f"device:/dev/video97?{options}"))


@pytest.mark.parametrize(
    ("source", "live"),
    [
        ("rtsp://host/live", True),
        ("https://host/live.m3u8", True),
        ("snapshot:http://host/now.jpg", True),
        ("device:/dev/video97", True),
        ("/dev/video97", True),
        ("/dev/v4l/by-id/usb-97", True),
        ("/dev/null", False),
        ("${env:CAMERA_URL}", True),
        ("clip.mp4", False),
        ("folder:pictures", False),
        ("pattern:", False),
    ],
)
def test_which_sources_are_live_is_seen_from_how_they_are_written(source: str, live: bool) -> None:
    assert is_live(source) is live
