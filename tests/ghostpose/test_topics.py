"""The table of streams and the keys say the same."""

from __future__ import annotations

import pytest

from ghostpose.bus import Keys
from ghostpose.topics import CAMERAS_KEY, META_KEY, TOPICS, WORKERS_KEY, Topic

KEYS = Keys(16)
CAMERA = "lobby"
PARTITION = KEYS.partition_of(CAMERA)
OF_PARTITIONS = {"frames": KEYS.frames, "maps": KEYS.maps, "dead": KEYS.dead}
OF_CAMERAS = {"poses": KEYS.poses, "events": KEYS.events}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topics_key_is_the_one_that_keys_give(topic: Topic) -> None:
    key = (
        OF_PARTITIONS[topic.name](PARTITION)
        if topic.name in OF_PARTITIONS
        else OF_CAMERAS[topic.name](CAMERA)
    )
    assert topic.key.format(p=PARTITION, camera=CAMERA) == key


def test_every_stream_has_a_row() -> None:
    assert {topic.name for topic in TOPICS} == OF_PARTITIONS.keys() | OF_CAMERAS.keys()


def test_all_keys_of_a_camera_are_in_one_hash_slot() -> None:
    tag = f"{{gp:{PARTITION}}}:"
    of_partition = (KEYS.frames, KEYS.maps, KEYS.dead, KEYS.lease)
    of_camera = (KEYS.camera, KEYS.state, KEYS.poses, KEYS.events, KEYS.preview)
    assert all(key(PARTITION).startswith(tag) for key in of_partition)
    assert all(key(CAMERA).startswith(tag) for key in of_camera)


def test_a_cameras_partition_never_changes() -> None:
    """CRC32 mod P is part of the protocol: programs in other languages may compute it."""
    names = ["lobby", "gate-1", "a"]
    assert [Keys(16).partition_of(name) for name in names] == [7, 9, 3]


def test_every_stream_that_the_bus_makes_is_in_the_table_with_its_bound(pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    pipeline.commit()
    used = {key.decode() for key in pipeline.bus.client.scan_iter()}
    known = {META_KEY, CAMERAS_KEY, WORKERS_KEY} | {
        topic.key.format(p=p, camera=CAMERA) for topic in TOPICS for p in range(4)
    }
    others = {key.rsplit(":", 2)[-2] for key in used - known if key.endswith(CAMERA)}
    assert others == {"cam", "state"}
    assert all(topic.bound for topic in TOPICS)
