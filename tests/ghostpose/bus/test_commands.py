"""What a frame costs: round trips and commands, and what is kept of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import samples
from roles import make_pipeline
from waiting import wait_until

from ghostpose.bus import Bus, EmbeddedServer, retention

if TYPE_CHECKING:
    import pytest
    from roles import Pipeline

FRAMES = 20


def calls(client) -> dict[str, int]:
    stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}


def test_a_frame_takes_five_round_trips_and_few_commands(bus) -> None:
    pipeline = make_pipeline(bus, "lobby", credit=FRAMES)
    pipeline.publish()
    pipeline.infer()
    pipeline.commit()  # the scripts are loaded now
    bus.client.config_resetstat()
    for _ in range(FRAMES):
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()
    stats = calls(bus.client)
    stats.pop("info", None)
    stats.pop("config|resetstat", None)
    assert stats["evalsha"] == 5 * FRAMES, "publish, take, finish, take maps, commit"
    assert "eval" not in stats
    within = sum(stats.values()) - stats["evalsha"]
    assert within <= (24 + bus.partitions) * FRAMES, stats


def test_maps_are_waited_for_and_then_looked_for_where_they_are_only(bus) -> None:
    pipeline = make_pipeline(bus, "lobby")
    leases = [pipeline.lease]
    for partition in set(range(bus.partitions)) - {pipeline.partition}:
        lease = pipeline.leases.take(partition)
        assert lease is not None
        leases.append(lease)
    assert pipeline.maps.take(leases, 10, 0) == []  # from now on it knows where each stream is
    pipeline.publish(3)
    pipeline.infer(3)
    bus.client.config_resetstat()
    assert len(pipeline.maps.take(leases, 10, 1)) == 3
    stats = calls(bus.client)
    assert (stats["xread"], stats["evalsha"], stats["xlen"]) == (1, 1, 1), stats


def test_old_poses_are_trimmed_by_number(bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "POSES_KEPT", 50)
    pipeline = make_pipeline(bus, "lobby", credit=300)
    pipeline.publish(300)
    while pipeline.infer(100):
        pipeline.commit()
    assert 50 <= len(pipeline.committed_seqs()) <= 100
    assert pipeline.committed_seqs()[-1] == 299


def test_old_poses_are_trimmed_by_age(bus, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = make_pipeline(bus, "lobby", credit=300)

    def commit(frames: int) -> None:
        for _ in range(frames):
            pipeline.publish()
            pipeline.infer()
            pipeline.commit()

    commit(128)
    old_ms = bus.server_time_ms()
    wait_until(lambda: bus.server_time_ms() > old_ms + 1000, "old poses")
    commit(63)
    monkeypatch.setattr(retention, "POSES_KEPT_S", 1.0)
    commit(1)  # and looked at at once: after a second without another there are none
    seqs = pipeline.committed_seqs()
    assert 64 <= len(seqs) < 128 + 64
    assert seqs[-1] == 128 + 64 - 1


def test_old_events_are_trimmed(bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVENTS_KEPT", 50)
    pipeline = make_pipeline(bus, "lobby", credit=500)
    pipeline.publish(500)
    for delivery in pipeline.frames.take(500, 0):
        pipeline.frames.skip(delivery, "stale")
    while pipeline.commit():
        pass
    assert 50 <= len(pipeline.events()) <= 200


def test_the_bus_is_empty_of_payload_when_all_is_committed(pipeline) -> None:
    for _ in range(8):
        pipeline.publish(4)
        pipeline.infer(4)
        pipeline.commit()
    for stream in (
        pipeline.bus.keys.frames(pipeline.partition),
        pipeline.bus.keys.maps(pipeline.partition),
    ):
        assert pipeline.bus.client.xlen(stream) == 0
        (group,) = pipeline.bus.client.xinfo_groups(stream)
        assert group["pending"] == 0


def commit_crowds(pipeline: Pipeline, frames: int, people: int) -> None:
    """Take frames through all roles, each with a pose message of so many people."""
    for _ in range(frames):
        pipeline.publish()
        pipeline.infer()
        (delivery,) = pipeline.take_maps()
        pose = samples.pose(delivery.message.id, people)
        assert pipeline.maps.commit_pose(pipeline.lease, delivery, pose, b"")


def test_crowds_for_ever_never_fill_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 people are 27 KB a message: 330 of them are more than the server has."""
    monkeypatch.setattr(retention, "POSES_KEPT_BYTES", 3_000_000)
    with EmbeddedServer(maxmemory_mb=8) as server, Bus.connect(server.url) as bus:
        pipeline = make_pipeline(bus, "station")
        commit_crowds(pipeline, 330, people=60)
        key = bus.keys.poses("station")
        assert bus.client.memory_usage(key, samples=0) < 4_000_000
        assert 100 <= bus.client.xlen(key) < 150
        commit_crowds(pipeline, 20, people=0)
        assert bus.client.xlen(key) > 110, "short messages push nothing out"


def test_however_long_messages_are_the_newest_hundred_stay(
    bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "POSES_KEPT_BYTES", 1)
    pipeline = make_pipeline(bus, "lobby")
    commit_crowds(pipeline, 130, people=8)
    assert pipeline.committed_seqs()[-100:] == list(range(30, 130))
    assert len(pipeline.committed_seqs()) < 105


def test_the_results_of_a_camera_that_is_gone_vanish_but_not_its_counters(pipeline) -> None:
    client, keys = pipeline.bus.client, pipeline.bus.keys
    pipeline.publish(2)
    pipeline.infer()
    pipeline.frames.skip(pipeline.frames.take(1, 0)[0], "stale")
    assert 0 < client.pttl(keys.events("lobby")) <= retention.EVENTS_KEPT_S * 1000
    client.persist(keys.events("lobby"))
    pipeline.commit()
    assert 0 < client.pttl(keys.poses("lobby")) <= retention.POSES_KEPT_S * 1000
    assert 0 < client.pttl(keys.events("lobby")) <= retention.EVENTS_KEPT_S * 1000
    assert client.pttl(keys.state("lobby")) == client.pttl(keys.camera("lobby")) == -1


def test_a_camera_goes_on_after_its_results_vanished(bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "POSES_KEPT_S", 0.05)
    pipeline = make_pipeline(bus, "lobby")
    commit_crowds(pipeline, 1, people=1)
    wait_until(lambda: not bus.client.exists(bus.keys.poses("lobby")), "the end of the results")
    assert not pipeline.poses()
    monkeypatch.undo()
    commit_crowds(pipeline, 3, people=1)
    assert pipeline.committed_seqs() == [1, 2, 3]
