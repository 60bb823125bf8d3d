"""Trouble of a server that passes by itself: full disk, fail-over, slow script, lost replicas."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
import redis
from waiting import wait_until

from ghostpose.bus import Bus, EmbeddedServer, PartitionLeases, heartbeats
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.errors import BusError, BusUnavailableError
from ghostpose.server import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def own_bus(tmp_path: Path) -> Iterator[Bus]:
    """Return a connection that gives up soon, to a server whose settings may be spoilt."""
    with (
        EmbeddedServer(directory=tmp_path / "data") as server,
        Bus.connect(server.url, timeout_s=0.1) as bus,
    ):
        yield bus


wait_for = partial(wait_until, what="what this test waits for", limit_s=60.0)


def lose_replicas(bus: Bus) -> None:
    bus.client.config_set("min-replicas-to-write", 1)


def become_a_replica(bus: Bus) -> None:
    bus.client.replicaof("127.0.0.1", "1")


def fill_the_disk(bus: Bus) -> None:
    """Make snapshots fail, which the server takes for a full disk."""
    bus.client.config_set("save", "3600 1")
    shutil.rmtree(bus.client.config_get("dir")["dir"])
    bus.client.bgsave()
    wait_for(lambda: bus.client.info("persistence")["rdb_last_bgsave_status"] == "err")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lose_replicas, "NOREPLICAS", id="too few replicas"),
        pytest.param(become_a_replica, "read only replica", id="demoted"),
        pytest.param(fill_the_disk, "MISCONF", id="full disk"),
    ],
)
def test_a_server_that_cannot_write_now_is_away_in_its_own_words(
    own_bus: Bus, spoil: Callable[[Bus], None], said: str
) -> None:
    spoil(own_bus)
    with pytest.raises(BusUnavailableError, match=rf"can't work now, it says: .*{said}"):
        PartitionLeases(own_bus, "post-1").take(0)
    own_bus.client.config_set("save", "")  # else it won't end without a last snapshot


def test_a_server_busy_with_a_script_is_away_until_it_ends(own_bus: Bus) -> None:
    own_bus.client.config_set("busy-reply-threshold", 10)

    def loop() -> None:
        with redis.Redis.from_url(own_bus.address) as client, pytest.raises(redis.ResponseError):
            client.eval("while true do end", 0)

    thread = threading.Thread(target=loop)
    thread.start()
    leases = PartitionLeases(own_bus, "post-1")
    try:
        with pytest.raises(BusUnavailableError, match="BUSY"):
            for _ in range(6000):
                leases.take(0)
                time.sleep(0.01)
    finally:
        own_bus.client.script_kill()
        thread.join()
    assert leases.take(0)


@pytest.mark.parametrize(
    "cause",
    [
        redis.ResponseError("UNBLOCKED force unblock from blocking operation"),
        redis.exceptions.ClusterDownError("The cluster is down"),
        redis.exceptions.ClusterError("TTL exhausted."),
        redis.exceptions.TryAgainError("Multiple keys request during rehashing of slot"),
        redis.exceptions.MasterDownError("Link with MASTER is down"),
        redis.exceptions.SlotNotCoveredError('Slot "7" not covered by the cluster.'),
        redis.exceptions.RedisClusterException("Redis Cluster cannot be connected."),
        redis.BusyLoadingError("Redis is loading the dataset in memory"),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_what_passes_is_no_reason_to_end(cause: Exception) -> None:
    with pytest.raises(BusUnavailableError, match="can't work now"), translated("redis://there"):
        raise cause


@pytest.mark.parametrize(
    "cause",
    [
        redis.ResponseError("BUSYGROUP Consumer Group name already exists"),
        redis.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        redis.exceptions.RedisClusterException("keys must map to the same slot"),
    ],
    ids=str,
)
def test_a_mistake_is_no_passing_trouble(cause: Exception) -> None:
    with pytest.raises(BusError), translated("redis://there"):
        raise cause


def test_heartbeats_outlive_any_trouble_of_the_server_and_tell_it_once(
    own_bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeats, "INTERVAL_S", 0.02)
    beats: list[int] = []

    def load() -> dict[str, float]:
        beats.append(1)
        return {}

    def after(count: int) -> None:
        seen = len(beats)
        wait_for(lambda: len(beats) >= seen + count)

    own_bus.client.set("ghostpose:workers", "of the wrong type")  # a BusError that does not pass
    with caplog.at_level(logging.WARNING), Heartbeats(own_bus, "infer", "infer-1", load):
        after(3)
        own_bus.client.delete("ghostpose:workers")
        wait_for(lambda: bool(own_bus.workers()))
        assert len(caplog.records) == 1
        lose_replicas(own_bus)
        after(3)
    assert len(caplog.records) == 2


def test_heartbeats_outlive_a_surprise_of_whoever_says_how_much_was_done(
    own_bus: Bus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeats, "INTERVAL_S", 0.02)
    surprises = [OSError("no room for numbers"), OSError("no room for numbers")]

    def load() -> dict[str, float]:
        if surprises:
            raise surprises.pop()
        return {}

    with Heartbeats(own_bus, "infer", "infer-1", load):
        wait_for(lambda: bool(own_bus.workers()))
    assert caplog.text.count("no heartbeat until") == 1, "told once"
    assert "no room for numbers" in caplog.text


@pytest.mark.parametrize("away", [False, True])
def test_a_server_that_is_away_is_not_asked_to_forget_a_worker_that_ends(
    own_bus: Bus, monkeypatch: pytest.MonkeyPatch, *, away: bool
) -> None:
    """Each question costs it the time that the server is waited for."""
    monkeypatch.setattr(heartbeats, "INTERVAL_S", 0.02)
    asked: list[str] = []
    monkeypatch.setattr(Bus, "forget_worker", lambda _, worker: asked.append(worker))
    with Heartbeats(own_bus, "infer", "infer-1", dict) as beats:
        wait_for(lambda: bool(own_bus.workers()))
        if away:
            become_a_replica(own_bus)
            wait_for(lambda: isinstance(beats._failure, BusUnavailableError))
    assert asked == ([] if away else ["infer-1"])


def test_two_workers_of_one_process_id_and_host_are_not_taken_for_each_other(bus: Bus) -> None:
    """Containers may share both: a lease must not pass between them as its owner's."""
    names = {worker_name("postprocess") for _ in range(50)}
    assert len(names) == 50
    first, second = (PartitionLeases(bus, name) for name in sorted(names)[:2])
    assert first.take(0)
    assert second.take(0) is None
    assert worker_name("ingest", "lobby").startswith("ingest-")
