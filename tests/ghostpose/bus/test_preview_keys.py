"""Previews on the server: made while somebody wants them, gone soon after."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples

from ghostpose.bus.previews import OwnPoses, publish_preview
from ghostpose.client import PreviewReader
from ghostpose.errors import DecodeError


@pytest.fixture
def previews(server, bus):
    with PreviewReader(server.url) as reader:
        yield reader


def test_a_preview_that_is_published_is_read_with_its_frame(pipeline, previews) -> None:
    assert previews.read("lobby") is None
    publish_preview(pipeline.bus, samples.preview())
    publish_preview(pipeline.bus, samples.preview(seq=42))
    assert previews.read("lobby") == samples.preview(seq=42)


def test_reading_tells_the_publisher_of_that_camera_alone(pipeline, previews) -> None:
    (before,) = pipeline.publish()
    previews.read("door")
    previews.read("lobby")
    (after,) = pipeline.publish()
    assert (before.preview_wanted, after.preview_wanted) == (False, True)


def test_a_frame_that_is_sent_twice_tells_it_too(pipeline, previews) -> None:
    (published,) = pipeline.publish()
    previews.read("lobby")
    pipeline.publisher._next_seq = published.seq
    (again,) = pipeline.publish()
    assert (again.seq, again.at_ms) == (published.seq, published.at_ms)
    assert again.preview_wanted


def test_both_keys_live_for_seconds_only(pipeline, previews) -> None:
    publish_preview(pipeline.bus, samples.preview())
    previews.read("lobby")
    key = pipeline.bus.keys.preview("lobby")
    assert 0 < pipeline.bus.client.pttl(key) <= 10_000
    assert 0 < pipeline.bus.client.pttl(key + ":wanted") <= 5_000


def test_a_camera_that_nobody_registered_has_no_preview(previews) -> None:
    assert previews.read("nowhere") is None


def test_what_is_no_preview_is_a_decode_error(pipeline, previews) -> None:
    pipeline.bus.client.set(pipeline.bus.keys.preview("lobby"), b"no preview")
    with pytest.raises(DecodeError, match="preview"):
        previews.read("lobby")


def test_a_cameras_own_poses_are_read_from_a_time_on(pipeline) -> None:
    for _ in range(3):
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()
    poses = OwnPoses(pipeline.bus, "lobby", since_ms=0)
    assert [message.seq for message in poses.read(0)] == [0, 1, 2]
    assert poses.position_ms > 0
    assert poses.read(0.01) == []
    later = OwnPoses(pipeline.bus, "lobby", pipeline.bus.server_time_ms() + 1)
    assert later.read(0) == []


def test_a_damaged_pose_message_does_not_end_the_reading(pipeline) -> None:
    pipeline.bus.client.xadd(pipeline.bus.keys.poses("lobby"), {"d": "{}", "p": 1})
    pipeline.publish()
    pipeline.infer()
    pipeline.commit()
    assert [m.seq for m in OwnPoses(pipeline.bus, "lobby", 0).read(0)] == [0]


@pytest.mark.parametrize("keep", [True, False], ids=["may be kept", "may not be kept"])
def test_a_dead_letter_holds_a_picture_only_if_its_camera_allows(pipeline, keep: bool) -> None:
    info = replace(samples.info(), keep_picture=keep)
    pipeline.publisher.publish(info, samples.picture())
    (delivery,) = pipeline.frames.take(1, 0)
    assert pipeline.frames.bury(delivery, "poison", "it kills")
    ((_, letter),) = pipeline.bus.client.xrange(pipeline.bus.keys.dead(pipeline.partition))
    assert letter[b"p"] == (samples.picture().data if keep else b"")
    assert (letter[b"c"], letter[b"why"]) == (b"lobby", b"poison")


def test_a_frame_that_does_not_say_whether_leaves_no_picture(pipeline) -> None:
    pipeline.publish()
    stream = pipeline.bus.keys.frames(pipeline.partition)
    ((entry_id, fields),) = pipeline.bus.client.xrange(stream)
    pipeline.bus.client.xdel(stream, entry_id)
    pipeline.bus.client.xadd(stream, dict(fields) | {b"h": b"garbage"})
    assert not pipeline.frames.take(1, 0)
    ((_, letter),) = pipeline.bus.client.xrange(pipeline.bus.keys.dead(pipeline.partition))
    assert (letter[b"p"], letter[b"h"]) == (b"", b"garbage")
