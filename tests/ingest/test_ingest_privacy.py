"""What a camera's privacy asks of the server before its first frame goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from bus_servers import free_ports

from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.bus.persistence import disk_writes
from ghostpose.config import CameraConfig
from ingest.loop import run_camera

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator


@pytest.fixture
def kept(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Give a client to change the server with; all is put back after."""
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.config_set("appendonly", "no")
        client.config_set("save", "")


def refusal(server: EmbeddedServer, stop: threading.Event) -> str:
    camera = CameraConfig(name="cam", source="pattern:frames=2", policy="every", pixels="never")
    report = run_camera(camera, server.url, stop)
    assert report.exit_code == 2
    assert report.problem is not None
    return report.problem


@pytest.fixture
def stop() -> threading.Event:
    import threading

    return threading.Event()


@pytest.mark.parametrize(("setting", "value"), [("appendonly", "yes"), ("save", "3600 1 300 100")])
def test_a_server_that_writes_to_disk_is_refused_in_a_sentence(
    server, bus, kept, stop, setting: str, value: str
) -> None:
    assert disk_writes(bus) is None
    kept.config_set(setting, value)
    assert refusal(server, stop) == (
        f"camera cam: its pixels are 'never' to be kept, but the Redis server at {bus.address}"
        f" writes to disk ({setting} is {value!r}): start it with --appendonly no --save ''"
    )
    assert "cam" not in bus.cameras(), "it was not even registered"


def test_a_server_that_does_not_let_itself_be_asked_is_refused(stop) -> None:
    (port,) = free_ports(1)
    with EmbeddedServer(port=port) as server:
        with redis.Redis.from_url(server.url) as admin:
            admin.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all",
                                  "-config")  # fmt: skip
        with Bus.connect(f"redis://app:pw@127.0.0.1:{port}") as bus:
            assert disk_writes(bus) == "it doesn't allow CONFIG GET, so nobody knows"


def test_a_camera_that_may_be_kept_does_not_ask(server, bus, kept, consumer, stop) -> None:
    kept.config_set("appendonly", "yes")
    camera = CameraConfig(name="cam", source="pattern:frames=2", policy="every")
    assert run_camera(camera, server.url, stop).problem is None


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, [b"cam", b"other"]),
        ({"privacy": "skeleton"}, [b"other"]),
        ({"pixels": "never"}, [b"other"]),
    ],
    ids=["as it was", "skeleton", "never"],
)
def test_what_was_kept_before_a_setting_became_stricter_is_removed(
    server, bus, consumer, stop, settings: dict[str, str], left: list[bytes]
) -> None:
    dead, preview = bus.keys.dead(bus.keys.partition_of("cam")), bus.keys.preview("cam")
    for name in ("cam", "other"):
        bus.client.xadd(dead, {"why": "poison", "from": "x", "c": name, "p": b"a picture"})
    bus.client.xadd(dead, {"why": "poison", "from": "x", "c": "cam", "p": b""})
    bus.client.set(preview, b"a picture")
    camera = CameraConfig.model_validate(
        {"name": "cam", "source": "pattern:frames=2", "policy": "every", **settings}
    )
    assert run_camera(camera, server.url, stop).problem is None
    letters = [fields for _, fields in bus.client.xrange(dead)]
    assert [fields[b"c"] for fields in letters if fields[b"p"]] == left
    assert any(not fields[b"p"] for fields in letters), "letters without a picture stay"
    assert (bus.client.get(preview) is not None) == (b"cam" in left)
