"""Addresses that give the newest picture each time they are asked."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import islice
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from camera_servers import HttpServer, misbehaving_port, unused_port

from ghostpose.errors import CredentialsError, SourceError
from ingest.sources import NoPicture, Undecodable, open_source, snapshots
from ingest.sources.protocol import NothingYet, Repeated

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

    from camera_servers import Answer

    from ghostpose.config import CameraConfig
    from ingest.sources import Item

    MakeCamera = Callable[..., CameraConfig]

PASSWORD = "s3cret-w0rd"


@pytest.fixture(autouse=True)
def a_busy_machine_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FETCH_S", 60.0)


def jpeg(value: int, size: tuple[int, int] = (48, 64)) -> bytes:
    image = np.full((*size, 3), value, np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def in_turn(*bodies: bytes) -> Callable[[BaseHTTPRequestHandler], Answer]:
    """Give one body after the other, the last one for ever; empty: an error."""
    left = list(bodies)

    def answer(_: BaseHTTPRequestHandler) -> Answer:
        body = left.pop(0) if len(left) > 1 else left[0]
        return (200 if body else 500), {"Content-Type": "image/jpeg"}, body

    return answer


def read(camera: CameraConfig, count: int) -> list[Item]:
    pictures = open_source(camera).pictures()
    return list(islice((item for item in pictures if not isinstance(item, NothingYet)), count))


def test_pictures_are_fetched_at_the_cameras_rate(camera: MakeCamera) -> None:
    with HttpServer({"/now.jpg": in_turn(*(jpeg(20 * k) for k in range(6)))}) as server:
        config = camera(f"snapshot:{server.url}/now.jpg", fps=20)
        source = open_source(config)
        items = [item for item in islice(source.pictures(), 11) if not isinstance(item, NothingYet)]
    assert source.info.live
    assert source.info.description == "snapshots 64x48 at 20/s"
    times = [item.media_time for item in items if not isinstance(item, NoPicture)]
    assert len(times) == 6
    assert times[-1] - times[0] >= 4 / 20


def test_the_same_picture_again_is_no_new_one(camera: MakeCamera) -> None:
    with HttpServer({"/now.jpg": in_turn(jpeg(10), jpeg(10), jpeg(10), jpeg(50))}) as server:
        items = read(camera(f"snapshot:{server.url}/now.jpg", fps=50), 5)
    assert [isinstance(item, Repeated) for item in items] == [False, True, True, False, True]


def test_a_picture_that_fails_is_damaged_and_the_next_one_is_not(camera: MakeCamera) -> None:
    bodies = (jpeg(10), b"", b"GIF89a no picture", jpeg(10)[:300], jpeg(50))
    with HttpServer({"/now.jpg": in_turn(*bodies)}) as server:
        items = read(camera(f"snapshot:{server.url}/now.jpg", fps=50), 5)
    assert [isinstance(item, Undecodable) for item in items] == [False, True, True, True, False]


def test_a_picture_may_have_another_size_each_time(camera: MakeCamera) -> None:
    bodies = (jpeg(10), jpeg(20, (96, 128)), jpeg(30, (4320, 7680)))
    with HttpServer({"/now.jpg": in_turn(*bodies)}) as server:
        items = read(camera(f"snapshot:{server.url}/now.jpg", fps=50), 3)
    assert [(i.width, i.height) for i in items if not isinstance(i, NoPicture)] == [
        (64, 48),
        (128, 96),
        (7680, 4320),
    ]


def basic(request: BaseHTTPRequestHandler) -> Answer:
    wanted = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    if request.headers.get("Authorization") == wanted:
        return 200, {}, jpeg(10)
    return 401, {"WWW-Authenticate": 'Basic realm="camera"'}, b""


def digest(request: BaseHTTPRequestHandler) -> Answer:
    given = dict(re.findall(r'(\w+)="?([^",]+)', request.headers.get("Authorization", "")))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret = md5(f"admin:camera:{PASSWORD}")
    named = ":".join(given.get(k, "") for k in ("nonce", "nc", "cnonce", "qop"))
    if given.get("response") == md5(f"{secret}:{named}:{md5(f'GET:{request.path}')}"):
        return 200, {}, jpeg(10)
    challenge = 'Digest realm="camera", nonce="abc", qop="auth", algorithm=MD5'
    return 401, {"WWW-Authenticate": challenge}, b""


@pytest.mark.parametrize("route", [basic, digest], ids=["basic", "digest"])
def test_passwords_are_given_as_the_camera_asks_for_them(
    route: Callable[[BaseHTTPRequestHandler], Answer], camera: MakeCamera
) -> None:
    with HttpServer({"/now.jpg": route}) as server:
        address = server.url.replace("http://", f"snapshot:http://admin:{PASSWORD}@")
        assert not isinstance(read(camera(f"{address}/now.jpg"), 1)[0], NoPicture)
        wrong = address.replace(PASSWORD, "wr0ng-w0rd")
        with pytest.raises(CredentialsError, match="refuses the user and password") as caught:
            open_source(camera(f"{wrong}/now.jpg"))
        assert "wr0ng-w0rd" not in str(caught.value)


def sentence_of(camera: CameraConfig) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(camera)
    assert str(caught.value).startswith("camera cam: http://127.0.0.1:")
    return str(caught.value)


def test_what_is_wrong_is_one_sentence(camera: MakeCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    with unused_port() as nobody:
        said = sentence_of(camera(f"snapshot:http://127.0.0.1:{nobody}/now.jpg"))
        assert "nothing listens" in said
    with HttpServer({"/text": lambda _: (200, {}, b"hello")}) as server:
        assert "nothing at this path" in sentence_of(camera(f"snapshot:{server.url}/now.jpg"))
        assert "is no picture" in sentence_of(camera(f"snapshot:{server.url}/text"))
    for says, sentence in ((b"SSH-2.0\r\n", "no HTTP"), (None, "no picture came within 0.3 s")):
        with misbehaving_port(says) as port:
            assert sentence in sentence_of(camera(f"snapshot:http://127.0.0.1:{port}/now.jpg"))
        monkeypatch.setattr(snapshots, "FETCH_S", 0.3)  # for the last, who never answers


def test_a_body_that_trickles_is_given_up_in_time(
    camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "FETCH_S", 0.5)

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b"x")
            request.wfile.flush()
            request.connection.settimeout(0.05)
            try:
                request.connection.recv(1)
                return
            except TimeoutError:
                continue

    with HttpServer({"/now.jpg": trickle}) as server:
        assert "within 0.5 s" in sentence_of(camera(f"snapshot:{server.url}/now.jpg"))
