"""Servers that crash, are replaced by a replica, or hand slots over, while everything runs."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from bus_servers import RealServer, Watched, cluster, debians_redis, valkey
from roles import make_pipeline
from waiting import PATIENT_S, wait_until
from whole import CAMERA, Whole

from ghostpose.bus import Bus, MapsReader
from ghostpose.client import PoseReader, PoseRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import redis

    from ghostpose.client import Record

FRAMES = 70
MOST = FRAMES - 15
"""Frames that are inferred before something is done to the servers: it is done in their middle."""
PATTERN = f"pattern:frames={FRAMES}&fps=50&width=64&height=48"


@pytest.mark.parametrize(
    ("make", "fsync"),
    [
        pytest.param(valkey, "always", id="Valkey, always"),
        pytest.param(debians_redis, "everysec", id="Redis, everysec"),
    ],
)
def test_a_server_that_crashes_and_has_its_file_lost_nothing_that_it_acknowledged(
    make: Callable[[], str], fsync: str, tmp_path: Path
) -> None:
    """The file is written before the answer, unless its disk can't keep up with `everysec`: only
    the machine's own crash loses up to a second."""
    options = {"appendonly": "yes", "appendfsync": fsync}
    with (
        RealServer(make(), tmp_path / "server", options) as server,
        Bus.connect(server.url, partitions=4, timeout_s=PATIENT_S) as bus,
        Whole(lambda _: server.url, tmp_path, source=PATTERN, hold_after=MOST) as whole,
    ):
        wait_until(lambda: len(whole.poses_seen()) > 10, "poses come")
        wait_until(lambda: is_written(bus), "the file is written")
        server.kill()
        before = list(whole.seen)
        server.start().wait()
        report = whole.join_camera()
        whole.assert_ledger_balances(bus, report)
        assert (report.tally.published, report.sessions) == (FRAMES, 1)
        with PoseReader(server.url, start="begin") as reader:
            kept = {record.stream_id for record in _all(reader)}
        assert {record.stream_id for record in before} <= kept


def is_written(bus: Bus) -> bool:
    """Whether no sync is under way, during which a server answers what it has not written yet."""
    info: Any = bus.client.info("persistence")
    return not info["aof_pending_bio_fsync"]


def _all(reader: PoseReader) -> list[Record]:
    records: list[Record] = []
    while got := reader.read(0.3):
        records += got
    return records


def test_a_replica_takes_over_and_everything_goes_on(tmp_path: Path) -> None:
    """What the replica had not got is done again, or has a new session; never twice in one."""
    with ExitStack() as stack:
        watched = Watched(tmp_path, stack)
        whole = stack.enter_context(
            Whole(lambda _: watched.url, tmp_path, source=PATTERN, hold_after=MOST)
        )
        wait_until(lambda: len(whole.poses_seen()) > 10, "poses come")
        watched.master.kill()
        watched.fail_over()
        report = whole.join_camera()
        assert (report.problem, report.tally.read) == (None, FRAMES)
        with Bus.connect(watched.url, timeout_s=PATIENT_S) as bus:
            wait_until(lambda: bus.counters(CAMERA).in_flight == 0, "all frames have an outcome")
            counters = bus.counters(CAMERA)
            assert counters.published == counters.poses + counters.gaps
            with PoseReader(watched.url, start="begin") as reader:
                kept = [r.message for r in _all(reader) if isinstance(r, PoseRecord)]
        newest = [m.seq for m in kept if m.session == kept[-1].session]
        assert newest[-1] == FRAMES - 1
        assert newest == sorted(set(newest))


def test_what_a_replica_had_not_got_is_done_again_under_the_same_number(tmp_path: Path) -> None:
    """A consumer that keeps each camera's last session and number sees nothing twice."""
    with ExitStack() as stack:
        watched = Watched(tmp_path, stack)
        bus = stack.enter_context(Bus.connect(watched.url, partitions=4, timeout_s=PATIENT_S))
        pipeline = make_pipeline(bus, CAMERA)
        consumer = stack.enter_context(PoseReader(watched.url, start="begin", timeout_s=PATIENT_S))
        pipeline.publish(4)
        pipeline.infer(2)
        pipeline.commit()
        wait_until(lambda: bus.client.wait(1, 5000), "the replica has it")
        cut_off(watched)
        pipeline.infer(2)
        pipeline.commit()
        seen = _numbers(_all(consumer))
        watched.master.kill()
        os.kill(_pid(watched.replica), signal.SIGCONT)
        watched.fail_over()

        assert bus.counters(CAMERA).poses == 2, "two commits are lost"
        assert pipeline.infer(4) == 2, "and their frames are there again"
        lease = pipeline.leases.renew(pipeline.lease)
        todo = MapsReader(bus).take([lease], 10, 2)
        assert [pipeline.commit_one(delivery, lease) for delivery in todo] == [True, True]
        assert pipeline.publish()[0].seq == 4, "the publisher's next frame has its number"
        again = _numbers(_all(consumer))
        assert seen == [0, 1, 2, 3]
        assert again == [2, 3], "whoever compares numbers drops these"


def cut_off(watched: Watched) -> None:
    """Stop the replica, and end its connection: nothing more reaches it."""
    os.kill(_pid(watched.replica), signal.SIGSTOP)
    with watched.master.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")


def _pid(server: RealServer) -> int:
    assert server.process is not None
    return server.process.pid


def _numbers(records: list[Record]) -> list[int]:
    return [record.message.seq for record in records if isinstance(record, PoseRecord)]


def test_groups_that_a_fail_over_lost_are_made_again_from_what_is_not_committed(
    bus: Bus,
) -> None:
    pipeline = make_pipeline(bus, CAMERA)
    pipeline.publish(4)
    pipeline.infer(3)
    pipeline.commit(pipeline.take_maps()[:2])
    keys = bus.keys
    bus.client.xgroup_destroy(keys.frames(pipeline.partition), "inference")
    bus.client.xgroup_destroy(keys.maps(pipeline.partition), "postprocess")
    assert pipeline.infer(4) == 1, "the one frame that has no maps"
    assert pipeline.commit() == [True, True]
    assert pipeline.committed_seqs() == [0, 1, 2, 3]


def test_a_slot_moves_to_another_node_while_everything_runs(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "cluster") as nodes,
        Bus.connect(nodes[0].url, partitions=4, timeout_s=PATIENT_S) as bus,
        Whole(lambda _: nodes[0].url, tmp_path, source=PATTERN, hold_after=MOST) as whole,
    ):
        wait_until(lambda: len(whole.poses_seen()) > 10, "poses come")
        move_slot_of(bus, CAMERA, nodes)
        report = whole.join_camera()
        whole.assert_ledger_balances(bus, report)
        assert (report.tally.published, report.sessions) == (FRAMES, 1)


def move_slot_of(bus: Bus, camera: str, nodes: list[RealServer]) -> None:
    """Move the slot of a camera's partition to another node, key by key, as operators do."""
    with ExitStack() as stack:
        clients: list[Any] = [stack.enter_context(node.client()) for node in nodes]
        slot = clients[0].cluster("keyslot", bus.keys.camera(camera))
        names = [client.cluster("myid").decode() for client in clients]
        source = next(i for i, client in enumerate(clients) if _owns(client, names[i], slot))
        target = (source + 1) % len(nodes)
        clients[target].cluster("setslot", slot, "importing", names[source])
        clients[source].cluster("setslot", slot, "migrating", names[target])
        for number in itertools.count():
            if not (keys := clients[source].cluster("getkeysinslot", slot, 1)):
                break
            clients[source].migrate("127.0.0.1", nodes[target].port, keys[0], 0, 5000)
            if number == 1:  # each step meets the slot in halves
                threading.Event().wait(0.3)
        for client in (clients[target], clients[source], *clients):
            client.cluster("setslot", slot, "node", names[target])
        assert _owns(clients[target], names[target], slot)


def _owns(client: redis.Redis, name: str, slot: int) -> bool:
    for line in client.execute_command("CLUSTER", "NODES").decode().splitlines():
        words = line.split()
        if words[0] == name:
            ranges = [r.split("-") for r in words[8:] if not r.startswith("[")]
            return any(int(r[0]) <= slot <= int(r[-1]) for r in ranges)
    return False
