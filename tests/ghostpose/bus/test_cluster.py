"""A cluster: no step touches two hash slots."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import redis
import samples
from redis.cluster import RedisCluster
from roles import make_pipeline

from ghostpose.bus import Bus, CameraLeases, Registry
from ghostpose.bus.camera_leases import read_camera_leases
from ghostpose.bus.embedded import _find_binary
from ghostpose.bus.persistence import disk_writes
from ghostpose.bus.previews import publish_preview
from ghostpose.client import PoseReader, PreviewReader
from ghostpose.config import CameraConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLOTS = 16_384


def start_node(directory: Path, port: int) -> subprocess.Popen[bytes]:
    directory.mkdir()
    options = {
        "port": port,
        "bind": "127.0.0.1",
        "cluster-enabled": "yes",
        "cluster-config-file": directory / "nodes.conf",
        "dir": directory,
        "save": "",
        "logfile": directory / "log",
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.Popen([str(_find_binary()), *words], stdout=subprocess.DEVNULL)


def free_ports(count: int) -> list[int]:
    """Return ports that are free, with the cluster's own port 10000 above."""
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port > 55_000 or port in ports:
                continue
            above.bind(("127.0.0.1", port + 10_000))
            ports.append(port)
    return ports


def until(condition, limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline, "the cluster did not form in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, ports = tmp_path_factory.mktemp("cluster"), free_ports(2)
    nodes = [start_node(root / str(port), port) for port in ports]
    clients = [redis.Redis(port=port, protocol=2) for port in ports]
    try:
        for index, client in enumerate(clients):
            until(client.ping)
            first = index * SLOTS // 2
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, first + SLOTS // 2 - 1)
        clients[0].execute_command("CLUSTER MEET", "127.0.0.1", ports[1])
        for client in clients:
            until(lambda c=client: c.cluster("info")["cluster_state"] == "ok")
            until(lambda c=client: len(c.cluster("slots")) == 2)
        yield f"redis://127.0.0.1:{ports[0]}"
    finally:
        for client in clients:
            client.close()
        for node in nodes:
            node.terminate()
            node.wait()


@pytest.fixture
def cluster_bus(cluster_url: str) -> Iterator[Bus]:
    with Bus.connect(cluster_url, partitions=8) as bus:
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
    assert registry.read().playable("door").source == "rtsp://a:pw@h/"
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
        (delivery,) = pipeline.frames.take(1, 2)
        threading.Timer(0.1, pipeline.finish, [delivery]).start()
        (maps,) = pipeline.maps.take([pipeline.lease], 5, 2)
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
