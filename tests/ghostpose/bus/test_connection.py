"""Connecting, the deployment's tables, and its errors in words."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio.sentinel import SentinelManagedSSLConnection as AsyncSentinelManagedSSLConnection
from redis.sentinel import SentinelManagedSSLConnection

import ghostpose.server as server_module
from ghostpose import async_server
from ghostpose.bus import Bus, CameraEntry, Heartbeat
from ghostpose.codec.registry import encode_heartbeat
from ghostpose.errors import (
    BusError,
    BusUnavailableError,
    InvalidValueError,
    ProtocolVersionError,
)
from ghostpose.redaction import without_password
from ghostpose.server import client_for

if TYPE_CHECKING:
    from pathlib import Path

BEAT = Heartbeat("host-7", "infer", "0.1.0", "host", 7, {"fps": 9.5})


def test_the_first_to_connect_fixes_the_number_of_partitions(server) -> None:
    with Bus.connect(server.url) as first, Bus.connect(server.url, partitions=5) as second:
        assert (first.partitions, second.partitions) == (16, 16)
        assert second.keys.frames(3) == "{gp:3}:frames"


@pytest.mark.parametrize("partitions", [0, 1025])
def test_an_impossible_number_of_partitions_is_refused(server, partitions: int) -> None:
    with pytest.raises(InvalidValueError, match=r"1\.\.1024"):
        Bus.connect(server.url, partitions=partitions)


def test_a_deployment_of_another_major_version_is_refused(server, bus) -> None:
    bus.client.hset("ghostpose:meta", "protocol", "2.3")
    with pytest.raises(ProtocolVersionError, match=r"'2\.3'.* 1\.x"):
        Bus.connect(server.url)


def test_a_deployment_of_a_newer_minor_version_is_joined(server, bus) -> None:
    bus.client.hset("ghostpose:meta", "protocol", "1.9")
    Bus.connect(server.url).close()


@pytest.mark.parametrize("count", ["", "many", "0", "99999999999999999999"])
def test_a_deployment_with_impossible_meta_data_is_refused(server, bus, count: str) -> None:
    bus.client.hset("ghostpose:meta", "partitions", count)
    with pytest.raises(BusError, match="partitions"):
        Bus.connect(server.url)


def test_no_server_at_the_address_is_one_sentence_without_the_password() -> None:
    with pytest.raises(BusUnavailableError) as caught:
        Bus.connect("redis://user:secret@127.0.0.1:1/0", timeout_s=0.2)
    text = str(caught.value)
    assert "No Redis server answers at redis://***@127.0.0.1:1/0" in text
    assert "secret" not in text
    assert "\n" not in text
    assert caught.value.exit_code == 2


def test_a_server_that_says_nothing_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt takes `SOCKET_TIMEOUT_S`: they are bounded by time, not by number."""
    monkeypatch.setattr("ghostpose.server.SOCKET_TIMEOUT_S", 1.0)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        silent.setblocking(False)
        begun_s = time.monotonic()
        with pytest.raises(BusUnavailableError, match="No Redis server answers"):
            Bus.connect(f"unix://{tmp_path}/silent.sock", timeout_s=2.0)
        assert time.monotonic() - begun_s >= 1.0
        attempts = 0
        with pytest.raises(BlockingIOError):
            while True:
                silent.accept()[0].close()
                attempts += 1
        assert 1 <= attempts <= 3, "four by number"


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost", "lobby", "", "redis+sentinel://h:1", "redis+sentinel://:1/main"),
        *("redis+sentinel://h:port/main", "redis+sentinel:///main"),
    ],
)
def test_what_is_no_address_is_told_so(url: str) -> None:
    with pytest.raises(BusUnavailableError, match=r"is no address of a Redis server: .+ redis://"):
        Bus.connect(url, timeout_s=0.2)


@pytest.mark.parametrize(
    ("clients", "encrypted"),
    [
        (server_module._CLIENTS, SentinelManagedSSLConnection),
        (async_server._CLIENTS, AsyncSentinelManagedSSLConnection),
    ],
)
def test_an_address_of_sentinels_says_all_of_their_master(clients: Any, encrypted: type) -> None:
    url = "rediss+sentinel://u:p%40@one,two:7/main/3?ssl_ca_certs=ca.pem"
    limits = {"socket_timeout": 1, "socket_connect_timeout": 1}
    pool: Any = client_for(url, limits, clients, url).connection_pool
    kwargs = pool.connection_kwargs
    assert pool.service_name == "main"
    assert [kwargs[name] for name in ("username", "password", "db")] == ["u", "p@", 3]
    assert kwargs["ssl_ca_certs"] == "ca.pem"
    assert pool.connection_class is encrypted
    asked = [one.connection_pool for one in pool.sentinel_manager.sentinels]
    assert [(one.connection_kwargs["host"], one.connection_kwargs["port"]) for one in asked] == [
        ("one", 26379),
        ("two", 7),
    ]
    assert all(one.connection_kwargs["ssl_ca_certs"] == "ca.pem" for one in asked)
    assert {one.connection_kwargs["password"] for one in asked} == {None}
    assert {one.connection_kwargs["retry"] for one in asked} == {None}, "the next one is asked"


def test_sentinels_that_do_not_answer_are_one_sentence() -> None:
    with pytest.raises(BusUnavailableError, match=r"No Redis server answers at redis\+sentinel"):
        Bus.connect("redis+sentinel://127.0.0.1:1/main", timeout_s=0.2)


def test_a_wrong_password_is_told_from_a_missing_server(server, bus) -> None:
    bus.client.config_set("requirepass", "right")
    try:
        with pytest.raises(BusUnavailableError, match="refuses these credentials"):
            Bus.connect(server.url.replace("unix://", "unix://:wrong@"), timeout_s=0.2)
    finally:
        bus.client.config_set("requirepass", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        ("redis://u:p@h:1/0", "redis://***@h:1/0"),
        ("unix://u:p@/tmp/x", "unix://***@/tmp/x"),
        ("rediss://:p%40@h?x=1", "rediss://***@h?x=1"),
    ],
)
def test_passwords_are_left_out_of_addresses(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_registered_camera_is_found_with_its_streams(bus) -> None:
    bus.register_camera("lobby", policy="latest", credit=2)
    partition = bus.keys.partition_of("lobby")
    assert bus.cameras() == {
        "lobby": CameraEntry(
            partition,
            f"{{gp:{partition}}}:poses:lobby",
            f"{{gp:{partition}}}:events:lobby",
            f"{{gp:{partition}}}:preview:lobby",
            "latest",
        )
    }


def test_registering_again_changes_policy_and_credit_and_nothing_else(pipeline) -> None:
    pipeline.publish(2)
    pipeline.bus.register_camera("lobby", policy="latest", credit=9)
    assert pipeline.bus.cameras()["lobby"].policy == "latest"
    assert pipeline.bus.counters("lobby").in_flight == 2
    assert pipeline.publish()[0].seq == 2


@pytest.mark.parametrize(("camera", "credit"), [("no name", 4), ("", 4), ("lobby", 0)])
def test_impossible_cameras_are_refused(bus, camera: str, credit: int) -> None:
    with pytest.raises(InvalidValueError):
        bus.register_camera(camera, policy="latest", credit=credit)


def test_a_damaged_row_of_a_camera_is_passed_over(bus) -> None:
    bus.register_camera("lobby", policy="latest", credit=2)
    bus.client.hset("ghostpose:cameras", "broken", "{")
    bus.client.hset("ghostpose:cameras", "../../etc", b"\xff")
    assert list(bus.cameras()) == ["lobby"]


def test_a_deployment_that_was_created_again_with_other_partitions_is_noticed(bus) -> None:
    bus.client.flushall()
    bus.client.hset("ghostpose:meta", mapping={"partitions": 7, "protocol": "1.0"})
    with pytest.raises(BusError, match="7 partitions instead of 4"):
        bus.register_camera("lobby", policy="latest", credit=2)


def test_registering_creates_a_lost_deployment_again(server, bus) -> None:
    bus.client.flushall()
    bus.register_camera("lobby", policy="latest", credit=2)
    with Bus.connect(server.url, partitions=9) as other:
        assert other.partitions == 4


def test_a_heartbeat_is_listed_by_the_servers_clock(bus) -> None:
    bus.heartbeat(BEAT)
    (listed,) = bus.workers()
    assert listed == replace(BEAT, at=listed.at)
    assert abs(listed.at - bus.server_time_ms() / 1000) < 60
    bus.forget_worker("host-7")
    assert bus.workers() == []


def test_the_silent_and_the_damaged_are_left_out_and_removed(bus) -> None:
    bus.heartbeat(BEAT)
    old = replace(BEAT, at=bus.server_time_ms() / 1000 - 60)
    bus.client.hset("ghostpose:workers", "old", encode_heartbeat(old))
    bus.client.hset("ghostpose:workers", b"\xff", b"{}")
    assert [beat.worker for beat in bus.workers()] == ["host-7"]
    assert bus.client.hlen("ghostpose:workers") == 1


def test_a_camera_nobody_registered_has_counted_nothing(bus) -> None:
    counters = bus.counters("nobody")
    assert (counters.published, counters.poses, counters.gaps, counters.dead) == (0, 0, 0, 0)
