"""What nobody would clear away: holes in the order of tickets, and workers that were killed."""

from __future__ import annotations

import logging

import pytest
from roles import make_pipeline

from ghostpose.bus import FrameReader, consumers, dead
from ghostpose.bus.dead import mend


def damage(pipeline, stream: str, position: int, **changes: str) -> None:
    """Replace fields of one entry of a stream, which comes to its end by that."""
    entry_id, fields = pipeline.bus.client.xrange(stream)[position]
    pipeline.bus.client.xdel(stream, entry_id)
    pipeline.bus.client.xadd(stream, dict(fields) | {k.encode(): v for k, v in changes.items()})


def run_all(pipeline) -> None:
    while pipeline.infer(10):
        pass
    maps = pipeline.take_maps()
    maps += pipeline.take_maps()  # tombstones in the place of what the first could not read
    pipeline.commit(sorted(maps, key=lambda d: d.message.id.ticket))


@pytest.mark.parametrize("changes", [{"t": "x"}, {"c": "?", "t": "?"}, {"s": "-"}, {"q": ""}])
def test_a_frame_damaged_beyond_recognition_is_a_gap_at_its_place(
    pipeline, changes: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.publish(3)
    damage(pipeline, pipeline.bus.keys.frames(pipeline.partition), 1, **changes)
    with caplog.at_level(logging.ERROR):
        run_all(pipeline)
    assert pipeline.committed_seqs() == [0, 2]
    gap = pipeline.events()[-1]
    assert (gap["session"], gap["seq"]) == (pipeline.publisher.session, 1)
    assert gap["details"] == {"reason": "decode"}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert pipeline.bus.counters("lobby").in_flight == 0


def test_maps_damaged_beyond_recognition_are_a_gap_at_their_place(pipeline) -> None:
    pipeline.publish(3)
    pipeline.infer(3)
    damage(pipeline, pipeline.bus.keys.maps(pipeline.partition), 0, t="x")
    run_all(pipeline)
    assert pipeline.committed_seqs() == [1, 2]
    assert (pipeline.events()[-1]["seq"], pipeline.bus.counters("lobby").in_flight) == (0, 0)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_frame_of_a_session_before_is_named_by_those_around_it(pipeline, position: int) -> None:
    pipeline.publish(3)
    former = pipeline.publisher.session
    pipeline.publisher.end(frames_read=3, skipped={})
    pipeline.publisher.open_session()
    pipeline.bus.register_camera("lobby", policy="every", credit=9)
    pipeline.publish(2)
    damage(pipeline, pipeline.bus.keys.frames(pipeline.partition), position, c="?")
    run_all(pipeline)
    (gap,) = [event for event in pipeline.events() if event["kind"] == "gap"]
    assert (gap["session"], gap["seq"]) == (former, position)
    assert pipeline.bus.counters("lobby").in_flight == 0


def test_mending_touches_nothing_that_is_in_flight(bus) -> None:
    pipelines = [make_pipeline(bus, name) for name in ("a", "b", "c", "d", "e")]
    for pipeline in pipelines:
        pipeline.publish(3)
    pipelines[0].infer(4)
    for partition in range(bus.partitions):
        assert mend(bus, partition, bus.keys.frames(partition), "0-1") == 0


def test_whoever_is_killed_before_burying_a_nameless_entry_leaves_no_hole(
    pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.publish(3)
    damage(pipeline, pipeline.bus.keys.frames(pipeline.partition), 1, s="-")

    def killed(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(dead, "bury", killed)
        with pytest.raises(KeyboardInterrupt):
            FrameReader(pipeline.bus, "dies").take(3, 0)
    assert pipeline.frames.claim_idle(0, 9) != []
    for delivery in pipeline.frames.claim_idle(0, 9):
        pipeline.finish(delivery)
    pipeline.commit(sorted(pipeline.take_maps(), key=lambda d: d.message.id.ticket))
    assert pipeline.committed_seqs() == [0, 2]
    assert pipeline.bus.client.xlen(pipeline.bus.keys.dead(pipeline.partition)) == 1


def test_killed_workers_are_forgotten_once_nothing_is_lent_to_them(
    pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "IDLE_S", 0.0)
    stream = pipeline.bus.keys.frames(pipeline.partition)
    pipeline.publish(2)
    holds, done = FrameReader(pipeline.bus, "holds"), FrameReader(pipeline.bus, "done")
    holds.take(1, 0)
    (delivery,) = done.take(1, 0)
    assert pipeline.finish(delivery, done)

    def names() -> set[bytes]:
        return {row["name"] for row in pipeline.bus.client.xinfo_consumers(stream, "inference")}

    assert names() == {b"holds", b"done"}
    pipeline.frames.claim_idle(60, 1)
    assert names() == {b"holds"}
    pipeline.publish()
    assert done.take(1, 0), "one that lives goes on"
    assert names() == {b"holds", b"done"}


def test_workers_that_read_lately_are_not_forgotten(pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    other = FrameReader(pipeline.bus, "infer-2")
    other.claim_idle(60, 1)
    stream = pipeline.bus.keys.frames(pipeline.partition)
    (row,) = pipeline.bus.client.xinfo_consumers(stream, "inference")
    assert row["name"] == b"infer-1"
