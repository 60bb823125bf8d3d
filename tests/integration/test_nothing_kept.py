"""`pixels: never`: after the frames' time in flight no picture is anywhere, on server or disk.

The scanner looks for the very bytes of pictures that it knows, and is shown to find them while the
frames are in flight.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from run_support import CLIP, Ghostpose, wait_until

from ghostpose.bus import Bus, EmbeddedServer, FrameReader
from ghostpose.client import PreviewReader
from ghostpose.codec.images import encode_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import redis

pytestmark = pytest.mark.timeout(300)

FRAMES = 6
SIZE = (96, 128)
PIECE_BYTES = 24
"""So many bytes of random pixels, or of their JPEG, are nowhere by chance."""


class Scanner:
    """Knows pictures, and finds pieces of them in whatever bytes it is shown."""

    def __init__(self, pictures: Iterable[np.ndarray], codec: str) -> None:
        self._pieces = set()
        for picture_hw3 in pictures:
            kinds = {encode_picture(picture_hw3, codec, 90).data, picture_hw3.tobytes()}
            for data in kinds:
                # Behind the header, which all JPEGs of a size share.
                places = np.linspace(0.4, 0.95, 12) * (len(data) - PIECE_BYTES)
                self._pieces |= {data[int(at) : int(at) + PIECE_BYTES] for at in places}

    def finds(self, data: bytes) -> bool:
        return any(piece in data for piece in self._pieces)

    def keys_with_pictures(self, client: redis.Redis) -> list[bytes]:
        """Look through every key, as its type is read and as the server itself would save it."""
        client.config_set("rdbcompression", "no")
        found = []
        for key in client.scan_iter():
            dump: Any = client.dump(key)
            if self.finds(dump or b"") or self.finds(repr_of(client, key)):
                found.append(key)
        if self.finds(repr(client.slowlog_get(1000)).encode()):
            found.append(b"the slow log")
        return found

    def files_with_pictures(self, *folders: Path) -> list[Path]:
        found = []
        for root, _, names in (step for folder in folders for step in os.walk(folder)):
            for path in (Path(root, name) for name in names):
                try:
                    if self.finds(path.read_bytes()):
                        found.append(path)
                except OSError:
                    continue  # gone meanwhile, or a socket
        return found


def repr_of(client: redis.Redis, key: bytes) -> bytes:
    """Return all that a key holds, read by the command for its type."""
    kind = client.type(key)
    value: Any = {
        b"string": lambda: [client.get(key)],
        b"hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        b"stream": lambda: [
            part for _, fields in client.xrange(key) for pair in fields.items() for part in pair
        ],
        b"none": list,
    }[kind]()
    return b"\0".join(part for part in value if part)


@pytest.fixture
def pictures(tmp_path: Path) -> list[np.ndarray]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(7)
    made = [rng.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(FRAMES)]
    for number, picture_hw3 in enumerate(made):
        assert cv2.imwrite(str(folder / f"{number}.png"), picture_hw3)
    return made


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder where all processes and the server put their temporary files.

    Its name is short: sockets lie in it, whose names have at most 107 characters.
    """
    with tempfile.TemporaryDirectory(prefix="gp-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)


@pytest.fixture
def server(disk: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as started:
        yield started


def write_site(tmp_path: Path, codec: str) -> Path:
    camera = {
        "name": "hall",
        "source": f"folder:{tmp_path}/pictures?fps=10",
        "policy": "every",
        "height": SIZE[0],
        "credit": FRAMES,
        "picture": codec,
        "pixels": "never",
    }
    path = tmp_path / "site.yaml"
    path.write_text(json.dumps({"cameras": [camera]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("codec", ["jpeg", "raw"])
def test_pictures_are_nowhere_once_their_frames_are_done(
    tmp_path: Path, disk: Path, server: EmbeddedServer, pictures: list[np.ndarray], codec: str
) -> None:
    scanner, site = Scanner(pictures, codec), write_site(tmp_path, codec)
    address = ("--redis", server.url)
    ingest = Ghostpose(("ingest", "--config", str(site), *address))
    with Bus.connect(server.url) as bus:
        frames = bus.keys.frames(bus.keys.partition_of("hall"))
        wait_until(lambda: bus.client.xlen(frames) == FRAMES)
        assert scanner.keys_with_pictures(bus.client) == [frames.encode()], "as it must be"
        assert scanner.files_with_pictures(disk) == []

        reader, previews = FrameReader(bus, "hand"), PreviewReader(bus.client)
        previews.read("hall")
        poison, damaged, *_ = reader.take(2, 0)
        assert reader.bury(poison, "poison", "workers died of it")
        damage(bus, frames, damaged.entry_id)
        roles = [
            Ghostpose((role, *address, *more))
            for role, more in (("infer", ("--engine", "stub:1")), ("postprocess", ()))
        ]
        wait_until(lambda: bus.counters("hall").sessions_ended == 1, limit_s=200)
        counters = bus.counters("hall")
        assert (counters.poses, counters.dead, counters.in_flight) == (FRAMES - 2, 2, 0)
        assert previews.read("hall") is None
        logs = [stop(role) for role in (*roles, ingest)]
        assert scanner.keys_with_pictures(bus.client) == []
    assert not any(scanner.finds(log) for log in logs)
    assert scanner.files_with_pictures(disk) == []


def damage(bus: Bus, frames: str, entry_id: str) -> None:
    """Put an entry in an entry's place whose header says nothing about its picture."""
    ((_, fields),) = bus.client.xrange(frames, entry_id, entry_id)
    bus.client.xdel(frames, entry_id)
    bus.client.xadd(frames, dict(fields) | {b"h": b"garbage"})


def stop(role: Ghostpose) -> bytes:
    """End a role in order; return all it said."""
    role.process.send_signal(signal.SIGTERM)
    done = role.finish(limit_s=60)
    assert done.code == 0, done.err
    return (done.out + done.err).encode()


def test_a_whole_run_leaves_no_picture_on_disk(
    tmp_path: Path, disk: Path, pictures: list[np.ndarray]
) -> None:
    scanner, site, output = (
        Scanner(pictures, "jpeg"),
        write_site(tmp_path, "jpeg"),
        tmp_path / "out",
    )
    options = ("--engine", "stub:100", "--output", str(output))
    run = Ghostpose(("run", "--config", str(site), *options))
    looked = 0
    while run.process.poll() is None:
        assert scanner.files_with_pictures(disk, output) == []
        looked += any("redis.sock" in names for _, _, names in os.walk(disk))
        time.sleep(0.02)  # the run has something to do, too
    assert run.finish().code == 0
    assert looked > 0, "it was looked while the server ran"
    assert {path.name for path in output.iterdir()} == {"poses.jsonl", "ghostpose.sqlite"}
    assert scanner.files_with_pictures(disk, output) == []


def test_the_scanner_finds_a_file_with_a_picture(
    tmp_path: Path, disk: Path, pictures: list[np.ndarray]
) -> None:
    scanner = Scanner(pictures, "jpeg")
    (disk / "kept").write_bytes(b"header" + encode_picture(pictures[0]).data)
    assert scanner.files_with_pictures(disk) == [disk / "kept"]


def test_drawing_a_camera_whose_pictures_are_never_kept_is_refused(
    tmp_path: Path, pictures: list[np.ndarray]
) -> None:
    site = write_site(tmp_path, "jpeg")
    done = Ghostpose(
        ("run", "--config", str(site), "--output", str(tmp_path / "out"), "--annotate")
    ).finish()
    assert done.code == 2
    assert done.err == (
        "ghostpose: camera hall: its pixels are 'never' to be kept, and --annotate writes pictures:"
        " leave --annotate out\n"
    )
    assert not (tmp_path / "out").exists()


def test_skeletons_are_drawn_on_black_if_the_run_is_told_so(tmp_path: Path) -> None:
    options = ("--engine", "stub:1", "--height", "64", "--fps", "1", "--privacy", "skeleton")
    run = Ghostpose(("run", str(CLIP), *options, "--annotate", "--output", str(tmp_path)))
    assert run.finish().code == 0
    video = cv2.VideoCapture(str(tmp_path / "vtest-cut.mp4"))
    came, image_hw3 = video.read()
    video.release()
    assert came
    assert image_hw3.max() > 100, "somebody is drawn"
    assert (image_hw3.max(axis=2) < 20).mean() > 0.8, "on black, as far as H.264 keeps it black"
