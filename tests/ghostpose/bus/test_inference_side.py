"""Taking frames, finishing them, claiming them from the dead, and giving them up."""

from __future__ import annotations

import threading
import time

import pytest
import samples
from roles import make_pipeline
from waiting import wait_until

from ghostpose.bus import Bus, FrameReader
from ghostpose.types import GapMessage, MapsMessage


def other_camera(bus: Bus, partition: int) -> str:
    """Return a name that belongs to another partition."""
    return next(n for n in map(str, range(99)) if bus.keys.partition_of(n) != partition)


def test_a_frame_arrives_as_it_was_published(pipeline) -> None:
    (published,) = pipeline.publish()
    (delivery,) = pipeline.frames.take(5, 0)
    message = delivery.message
    assert (message.info, message.picture) == (samples.info(), samples.picture())
    assert (message.id.camera, message.id.session) == ("lobby", pipeline.publisher.session)
    assert (message.id.seq, message.id.ticket) == (published.seq, published.ticket)
    assert (message.published_ms, delivery.deliveries) == (published.at_ms, 1)


def test_frames_of_all_partitions_are_taken_oldest_first(bus: Bus) -> None:
    pipelines = [make_pipeline(bus, name) for name in ("a", "b", "c", "d", "e")]
    assert len({p.partition for p in pipelines}) > 1
    published = []
    for pipeline in [*pipelines, *reversed(pipelines)]:
        (frame,) = pipeline.publish()
        published.append((frame.at_ms, pipeline.camera, frame.seq))
    reader = pipelines[0].frames
    taken = [
        (d.message.published_ms, d.message.id.camera, d.message.id.seq)
        for count in (1, 3, 4, 5)
        for d in reader.take(count, 0)
    ]
    assert [at for at, _, _ in taken] == [at for at, _, _ in published]
    assert sorted(taken) == sorted(published)


def test_a_camera_that_floods_cannot_starve_another(bus: Bus) -> None:
    """With a credit of 8, at most 8 frames of the flooding camera come before another's."""
    flood, quiet = make_pipeline(bus, "flood", credit=8), make_pipeline(bus, "quiet")
    *_, last = flood.publish(8)
    while bus.server_time_ms() <= last.at_ms:
        pass  # within a millisecond nobody is older
    quiet.publish()
    before = 0
    while (delivery := flood.frames.take(1, 0)[0]).message.id.camera != "quiet":
        before += 1
        assert flood.finish(delivery)
        flood.commit()
        flood.publish()
    assert 0 < before <= 8


def test_two_workers_share_the_frames(pipeline) -> None:
    pipeline.publish(4)
    other = FrameReader(pipeline.bus, "infer-2")
    mine, theirs = pipeline.frames.take(2, 0), other.take(2, 0)
    assert [d.message.id.seq for d in mine + theirs] == [0, 1, 2, 3]
    assert not other.take(1, 0)


def test_taking_waits_for_a_frame_and_no_longer(pipeline, monkeypatch) -> None:
    monkeypatch.setattr("ghostpose.bus.frames.MAX_BLOCK_S", 60.0)
    started = time.monotonic()
    threading.Timer(0.1, pipeline.publish).start()
    (delivery,) = pipeline.frames.take(4, 60)
    assert 0.05 < time.monotonic() - started < 30
    assert delivery.message.id.seq == 0
    started = time.monotonic()
    assert not pipeline.frames.take(1, 0.05)
    assert 0.04 < time.monotonic() - started < 30


def test_frames_that_come_beyond_the_count_wait_for_the_next_take(bus: Bus) -> None:
    one = make_pipeline(bus, "a")
    two = make_pipeline(bus, other_camera(bus, one.partition))
    reader = one.frames
    assert not reader.take(1, 0.01)
    taken_now, reader._take_now = reader._take_now, lambda _: []
    one.publish()
    two.publish()  # both arrive between the look and the wait
    first = reader.take(1, 1)
    reader._take_now = taken_now
    (second,) = reader.take(1, 0)
    assert {first[0].message.id.camera, second.message.id.camera} == {one.camera, two.camera}
    assert not reader.take(1, 0)


def test_frames_beyond_the_count_can_be_had_at_once_so_that_none_stays_behind_on_a_stop(
    bus: Bus,
) -> None:
    one = make_pipeline(bus, "a")
    two = make_pipeline(bus, other_camera(bus, one.partition))
    reader = one.frames
    assert not reader.take(1, 0.01)
    reader._take_now = lambda _: []
    one.publish()
    two.publish()  # both arrive between the look and the wait
    taken = reader.take(1, 1) + reader.remainder()
    assert {delivery.message.id.camera for delivery in taken} == {one.camera, two.camera}
    assert not reader.remainder()


def test_whoever_finishes_first_wins(pipeline) -> None:
    pipeline.publish()
    (mine,) = pipeline.frames.take(1, 0)
    other = FrameReader(pipeline.bus, "infer-2")
    (theirs,) = other.claim_idle(0, 1)
    assert theirs.message == mine.message
    assert pipeline.finish(theirs, other)
    assert not pipeline.finish(mine)
    assert not pipeline.frames.skip(mine, "stale")
    assert not pipeline.frames.bury(mine, "poison", "late")
    (maps,) = pipeline.take_maps()
    assert isinstance(maps.message, MapsMessage)
    assert pipeline.bus.client.xlen(pipeline.bus.keys.frames(pipeline.partition)) == 0
    assert pipeline.bus.client.xlen(pipeline.bus.keys.dead(pipeline.partition)) == 0


def test_maps_carry_the_frame_and_the_times_of_inference(pipeline) -> None:
    (published,) = pipeline.publish()
    (delivery,) = pipeline.frames.take(1, 0)
    maps = samples.maps(1, 2, seed=3)
    assert pipeline.frames.finish(delivery, maps, codec="float16", wait_ms=1.5, inference_ms=2.5)
    message = pipeline.take_maps()[0].message
    assert isinstance(message, MapsMessage)
    assert (message.id, message.info) == (delivery.message.id, delivery.message.info)
    assert (message.wait_ms, message.inference_ms) == (1.5, 2.5)
    assert message.published_ms == published.at_ms <= message.done_ms
    assert message.maps.pcm_chw == pytest.approx(maps.pcm_chw, abs=1e-3)


def test_a_skipped_frame_leaves_a_tombstone(pipeline) -> None:
    pipeline.publish()
    (delivery,) = pipeline.frames.take(1, 0)
    assert pipeline.frames.skip(delivery, "stale")
    assert pipeline.take_maps()[0].message == GapMessage(delivery.message.id, "stale")


def test_idle_frames_are_claimed_with_the_number_of_deliveries(pipeline) -> None:
    pipeline.publish(2)
    taken = pipeline.frames.take(2, 0)
    other = FrameReader(pipeline.bus, "infer-2")
    assert not other.claim_idle(60, 10)
    assert [d.deliveries for d in other.claim_idle(0, 1)] == [2]
    assert [d.deliveries for d in other.claim_idle(0, 10)] == [3, 2]
    assert pipeline.finish(taken[0])
    (left,) = pipeline.frames.claim_idle(0, 10)
    assert (left.entry_id, left.deliveries) == (taken[1].entry_id, 3)


def test_a_held_frame_is_not_idle_and_counts_no_delivery(pipeline) -> None:
    pipeline.publish(2)
    held, lost = pipeline.frames.take(2, 0)
    other = FrameReader(pipeline.bus, "infer-2")
    stream = pipeline.bus.keys.frames(pipeline.partition)

    def idle_ms() -> dict[bytes, int]:
        rows = pipeline.bus.client.xpending_range(stream, "inference", "-", "+", 10)
        return {row["message_id"]: row["time_since_delivered"] for row in rows}

    wait_until(lambda: min(idle_ms().values()) >= 50, "50 ms of idling")
    (claimed,) = other.claim_idle(0, 1, leave_out=[held])
    assert claimed.entry_id == lost.entry_id

    def held_anew() -> bool:
        assert pipeline.frames.hold([held, lost]) == 1, "what another took over stays there"
        return idle_ms()[held.entry_id.encode()] < 50

    wait_until(held_anew, "less idling than before")
    counts = {d.entry_id: d.deliveries for d in other.claim_idle(0, 10)}
    assert counts == {held.entry_id: 2, lost.entry_id: 3}
    assert pipeline.finish(held)
    assert pipeline.frames.hold([held]) == 0


def test_frames_left_out_do_not_hide_others_from_claiming(pipeline) -> None:
    pipeline.publish(3)
    first, second, third = pipeline.frames.take(3, 0)
    (claimed,) = pipeline.frames.claim_idle(0, 1, leave_out=[first, second])
    assert claimed.entry_id == third.entry_id


def test_claiming_waits_for_its_time(pipeline) -> None:
    pipeline.publish()
    pipeline.frames.take(1, 0)
    other = FrameReader(pipeline.bus, "infer-2")
    assert len(wait_until(lambda: other.claim_idle(0.5, 1), "half a second of idling")) == 1
    assert not other.claim_idle(0.5, 1), "its idle time begins again"


def test_a_worker_that_leaves_keeps_what_is_lent_to_it_claimable(pipeline) -> None:
    pipeline.publish(1)
    busy, idle = pipeline.frames, FrameReader(pipeline.bus, "infer-2")
    busy.take(1, 0)
    idle.take(1, 0)
    busy.close()
    idle.close()
    stream = pipeline.bus.keys.frames(pipeline.partition)
    names = [c["name"] for c in pipeline.bus.client.xinfo_consumers(stream, "inference")]
    assert names == [b"infer-1"]
    assert FrameReader(pipeline.bus, "infer-3").claim_idle(0, 1)


def test_a_buried_frame_is_kept_and_leaves_a_tombstone_in_the_order(pipeline) -> None:
    pipeline.publish(3)
    first, second, third = pipeline.frames.take(3, 0)
    assert pipeline.finish(third)
    assert pipeline.frames.bury(second, "poison", "three workers died of it")
    assert pipeline.finish(first)
    pipeline.commit(sorted(pipeline.take_maps(), key=lambda d: d.message.id.ticket))
    assert pipeline.committed_seqs() == [0, 2]
    gap = pipeline.events()[-1]
    assert (gap["kind"], gap["seq"], gap["details"]) == ("gap", 1, {"reason": "poison"})
    ((_, letter),) = pipeline.bus.client.xrange(pipeline.bus.keys.dead(pipeline.partition))
    assert letter[b"why"] == b"poison"
    assert letter[b"detail"] == b"three workers died of it"
    assert (letter[b"c"], letter[b"q"], letter[b"p"]) == (b"lobby", b"1", samples.picture().data)
    counters = pipeline.bus.counters("lobby")
    assert (counters.poses, counters.gaps, counters.dead) == (2, 1, 1)


def test_a_dead_letter_keeps_large_pictures_only_to_a_cap(pipeline) -> None:
    pipeline.publisher.publish(samples.info(), samples.picture(800, 600))
    (delivery,) = pipeline.frames.take(1, 0)
    pipeline.frames.bury(delivery, "poison", "x" * 10_000)
    ((_, letter),) = pipeline.bus.client.xrange(pipeline.bus.keys.dead(pipeline.partition))
    assert 63 * 1024 < len(letter[b"p"]) < 64 * 1024
    assert (letter[b"c"], len(letter[b"detail"])) == (b"lobby", 500)


def test_the_dead_letters_of_a_partition_are_bounded_whatever_is_buried(pipeline) -> None:
    client, keys = pipeline.bus.client, pipeline.bus.keys
    stream, junk = keys.frames(pipeline.partition), b"x" * 100_000
    for _ in range(110):
        client.xadd(stream, {"a": junk, "b": junk})
    client.xadd(stream, {str(number): "of too many fields" for number in range(9000)})
    assert not pipeline.frames.take(200, 0)
    assert (pipeline.frames.buried, client.xlen(stream)) == (111, 0)
    assert 100 <= client.xlen(keys.dead(pipeline.partition)) < 110, "about: whole nodes are trimmed"
    assert client.memory_usage(keys.dead(pipeline.partition), samples=0) < 10_000_000


def test_a_frame_that_cannot_be_decoded_is_buried_and_does_not_hold_up_the_next(pipeline) -> None:
    pipeline.publish()
    stream = pipeline.bus.keys.frames(pipeline.partition)
    ((entry_id, fields),) = pipeline.bus.client.xrange(stream)
    pipeline.bus.client.xdel(stream, entry_id)
    pipeline.bus.client.xadd(stream, dict(fields) | {b"h": b"garbage"})
    pipeline.publish()
    assert [d.message.id.seq for d in pipeline.frames.take(5, 0)] == [1]
    assert pipeline.frames.buried == 1
    (delivery,) = pipeline.take_maps()
    assert isinstance(delivery.message, GapMessage)
    assert (delivery.message.id.seq, delivery.message.reason) == (0, "decode")


@pytest.mark.parametrize("fields", [{"x": "y"}, {"c": "../etc", "s": 1, "q": 2, "t": 3}])
def test_an_entry_that_names_no_frame_is_buried_without_a_tombstone(pipeline, fields) -> None:
    stream = pipeline.bus.keys.frames(pipeline.partition)
    pipeline.bus.client.xadd(stream, fields)
    assert not pipeline.frames.take(5, 0)
    assert pipeline.frames.buried == 1
    assert not pipeline.take_maps()
    assert pipeline.bus.client.xlen(pipeline.bus.keys.dead(pipeline.partition)) == 1
    assert pipeline.bus.client.xlen(stream) == 0


def test_a_frame_in_the_wrong_partition_is_buried(pipeline) -> None:
    pipeline.publish()
    stream = pipeline.bus.keys.frames(pipeline.partition)
    ((_, fields),) = pipeline.bus.client.xrange(stream)
    stranger = other_camera(pipeline.bus, pipeline.partition)
    pipeline.bus.client.xadd(stream, dict(fields) | {b"c": stranger})
    assert [d.message.id.camera for d in pipeline.frames.take(5, 0)] == ["lobby"]
    assert pipeline.frames.buried == 1
