"""What a frame costs: round trips and commands, and what is kept of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roles import make_pipeline

from ghostpose.bus import commit

if TYPE_CHECKING:
    import pytest

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
    assert within <= (22 + bus.partitions) * FRAMES, stats


def test_old_poses_are_trimmed_by_number(bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "POSES_KEPT", 50)
    pipeline = make_pipeline(bus, "lobby", credit=300)
    pipeline.publish(300)
    while pipeline.infer(100):
        pipeline.commit()
    assert 50 <= len(pipeline.committed_seqs()) <= 100
    assert pipeline.committed_seqs()[-1] == 299


def test_old_poses_are_trimmed_by_age(bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "POSES_KEPT_S", 0.0)
    pipeline = make_pipeline(bus, "lobby", credit=300)
    pipeline.publish(128)
    while pipeline.infer(100):
        pipeline.commit()
    assert len(pipeline.committed_seqs()) < 16, "of the last 64, all but the newest node"


def test_old_events_are_trimmed(bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "EVENTS_KEPT", 50)
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
