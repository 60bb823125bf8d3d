"""A cluster: no step touches two hash slots."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import samples
from bus_servers import cluster
from redis.cluster import RedisCluster
from roles import make_pipeline
from waiting import PATIENT_S, wait_until

from ghostpose.bus import Bus, CameraLeases, Registry
from ghostpose.bus.camera_leases import read_camera_leases
from ghostpose.bus.persistence import disk_writes
from ghostpose.bus.previews import publish_preview
from ghostpose.client import PoseReader, PreviewReader
from ghostpose.config import CameraConfig

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster"), nodes=2) as servers:
        yield servers[0].url


@pytest.fixture
def cluster_bus(cluster_url: str) -> Iterator[Bus]:
    with Bus.connect(cluster_url, partitions=8, timeout_s=PATIENT_S) as bus:
        yield bus


def test_cameras_on_two_nodes_go_through_all_steps(cluster_bus: Bus, cluster_url: str) -> None:
    bus = cluster_bus
    assert bus.is_cluster
    assert isinstance(bus.client, RedisCluster)
    pipelines = [make_pipeline(bus, name) for name in ("a", "b", "c", "d")]
    nodes = {bus.client.get_node_from_key(bus.keys.frames(p.partition)).port for p in pipelines}
    assert len(nodes) == 2, "the cameras are on both nodes"
    reader = PoseReader(cluster_url, start="begin")
    leases = {p.partition: p.lease for p in pipelines}
    for pipeline in pipelines:
        pipeline.publish(3)
        leases[pipeline.partition] = pipeline.leases.renew(leases[pipeline.partition])
    assert len(leases) > 1
    frames, maps = pipelines[0].frames, pipelines[0].maps
    taken = frames.take(4, 1) + frames.take(100, 1)
    assert len(taken) == 12
    assert len(frames.claim_idle(0, 100)) == 12
    skipped, buried, *rest = taken
    assert frames.skip(skipped, "stale")
    assert frames.bury(buried, "poison", "tested")
    assert all(pipelines[0].finish(delivery) for delivery in rest)
    for pipeline in pipelines:
        pipeline.publisher.end(frames_read=3, skipped={})
    todo = maps.take(list(leases.values()), 100, 1)
    for delivery in sorted(todo, key=lambda d: d.message.id.ticket):
        assert pipelines[0].commit_one(delivery, leases[delivery.partition])
    frames.close()
    assert sum(bus.counters(p.camera).poses for p in pipelines) == 10
    assert sum(bus.counters(p.camera).gaps for p in pipelines) == 2
    assert len(bus.cameras()) == 4
    assert len(pipelines[0].leases.holders()) == len(leases)
    records = []
    while got := reader.read(0.3):
        records += got
    reader.close()
    assert len(records) == 10 + 2 + 4 + 4


def test_the_registry_and_its_leases_are_in_one_slot(cluster_bus: Bus) -> None:
    registry, leases = Registry(cluster_bus), CameraLeases(cluster_bus, "one")
    assert registry.seed([CameraConfig(name="door", source="rtsp://a:pw@h/")]) == 1
    row = registry.get("door")
    assert registry.read(passwords=True).playable("door").source == "rtsp://a:pw@h/"
    seen = registry.change(row.settings.model_copy(update={"fps": 5}), row.revision)
    tokens = leases.take({"door": 0.1})
    assert leases.renew(tokens, {"door": 0.2}) == []
    assert read_camera_leases(cluster_bus)["door"].cost == 0.2
    registry.note_ended("door", seen)
    assert registry.read().has_ended("door")
    registry.remove("door", seen)
    leases.release("door", tokens["door"], 0.2)
    assert read_camera_leases(cluster_bus) == {}


def test_waiting_works_over_all_partitions(cluster_bus: Bus) -> None:
    import threading

    for name in ("e", "f"):
        pipeline = make_pipeline(cluster_bus, name)
        threading.Timer(0.1, pipeline.publish).start()
        (delivery,) = wait_until(partial(pipeline.frames.take, 1, 2), "a frame")
        threading.Timer(0.1, pipeline.finish, [delivery]).start()
        (maps,) = wait_until(partial(pipeline.maps.take, [pipeline.lease], 5, 2), "its maps")
        assert pipeline.commit_one(maps)


def test_previews_are_asked_for_made_and_read(cluster_bus: Bus, cluster_url: str) -> None:
    with PreviewReader(cluster_url) as previews:
        for name in ("a", "b", "c", "d"):
            pipeline = make_pipeline(cluster_bus, name)
            assert previews.read(name) is None
            (published,) = pipeline.publish()
            assert published.preview_wanted
            publish_preview(cluster_bus, samples.preview(name))
            assert previews.read(name) == samples.preview(name)


def test_a_node_that_writes_to_disk_is_found_among_those_that_do_not(cluster_bus: Bus) -> None:
    assert disk_writes(cluster_bus) is None
    client = cluster_bus.client
    assert isinstance(client, RedisCluster)
    node = client.get_nodes()[-1].redis_connection
    node.config_set("save", "60 1000")
    try:
        assert disk_writes(cluster_bus) == "save is '60 1000'"
    finally:
        node.config_set("save", "")
