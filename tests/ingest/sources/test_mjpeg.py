"""Pictures that follow one another over HTTP, of a server of the test's own: any size it likes."""

from __future__ import annotations

import itertools
import time
from itertools import islice
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from camera_servers import HttpServer

from ghostpose.errors import SourceError
from ingest.prepare import plan_for, prepare
from ingest.sources import NoPicture, open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

    from ghostpose.config import CameraConfig
    from ingest.sources import Picture

    MakeCamera = Callable[..., CameraConfig]


def serving(width: int, height: int) -> HttpServer:
    """Serve pictures of one size at `/video`, as fast as they are taken."""
    greys = (np.full((height, width, 3), grey, np.uint8) for grey in (60, 160))
    bodies = [cv2.imencode(".jpg", grey_hw3)[1].tobytes() for grey_hw3 in greys]

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        for jpeg in itertools.cycle(bodies):
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            request.wfile.write(head.encode() + jpeg + b"\r\n")

    return HttpServer({"/video": endless})


def read(camera: CameraConfig, count: int) -> list[Picture]:
    source = open_source(camera)
    try:
        items = islice(source.pictures(), count)
        return [item for item in items if not isinstance(item, NoPicture)]
    finally:
        source.close()


def test_mjpeg_has_no_clock_and_gets_that_of_its_arrival(camera: MakeCamera) -> None:
    began_s = time.monotonic()
    with serving(64, 48) as server:
        given = read(camera(f"{server.url}/video"), 20)
    took_s = time.monotonic() - began_s
    assert [(p.width, p.height) for p in given] == [(64, 48)] * 20
    times = [p.media_time for p in given if p.media_time is not None]
    assert times == sorted(times)
    assert times[-1] < took_s, "not 1/25 s each, whatever comes"


def test_an_8k_picture_becomes_one_of_the_networks_height(camera: MakeCamera) -> None:
    with serving(7680, 4320) as server:
        config = camera(f"{server.url}/video", height=368)
        (picture,) = read(config, 1)
    image_hw3 = prepare(picture, plan_for(config, picture.width, picture.height))
    assert image_hw3.shape == (368, 654, 3)
    assert abs(int(image_hw3.mean()) - 60) <= 2


def test_a_picture_larger_than_any_cameras_is_one_sentence(camera: MakeCamera) -> None:
    with serving(16400, 64) as server, pytest.raises(SourceError) as caught:
        open_source(camera(f"{server.url}/video"))
    assert str(caught.value) == (
        f"camera cam: {server.url}/video is 16400x64; no side may be over 16384"
    )
