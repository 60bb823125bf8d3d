"""Each role by itself, against one server: together they are a deployment, and each drains."""

from __future__ import annotations

import json
import signal
import sqlite3
from typing import TYPE_CHECKING

import pytest
import redis
from run_support import CLIP, Ghostpose, assert_complete_and_in_order, wait_until

from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.topics import META_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from roles import Pipeline

pytestmark = pytest.mark.timeout(120)

POSES = 24


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as started:
        yield started


def test_roles_started_by_hand_deliver_and_drain(server: EmbeddedServer, tmp_path: Path) -> None:
    redis = ("--redis", server.url)
    database = f"sqlite:///{tmp_path}/poses.sqlite"
    workers = [
        Ghostpose(("infer", *redis, "--engine", "stub:1")),
        Ghostpose(("postprocess", *redis)),
        Ghostpose(("store", *redis, "--store", database)),
    ]
    # It may come before its camera, and says that it waits: the name may be wrong.
    tail = Ghostpose(("tail", "vtest-cut", "--json", "--from-start", *redis))
    assert tail.process.stderr is not None
    assert "there is no camera 'vtest-cut' yet: waiting" in tail.process.stderr.readline()
    options = ("--policy", "every", "--fps", "1", "--height", "64")
    ingest = Ghostpose(("ingest", str(CLIP), *options, *redis))
    assert ingest.finish().code == 0

    assert tail.process.stdout is not None
    messages = [json.loads(tail.process.stdout.readline()) for _ in range(POSES)]
    assert_complete_and_in_order(messages)

    with Bus.connect(server.url) as bus:
        wait_until(lambda: bus.counters("vtest-cut").sessions_ended == 1)
        roles = {beat.role for beat in bus.workers()}
    assert {"inference", "postprocess", "store"} <= roles

    for process in [*workers, tail]:
        process.process.send_signal(signal.SIGTERM)
    for process in [*workers, tail]:
        done = process.finish(limit_s=60)
        assert (done.code, done.err) == (0, ""), process.arguments
    with sqlite3.connect(tmp_path / "poses.sqlite") as kept:
        assert kept.execute("SELECT count(*) FROM poses").fetchone() == (POSES,)


def test_ingest_that_is_stopped_ends_its_session_in_order(server: EmbeddedServer) -> None:
    ingest = Ghostpose(("ingest", "pattern:", "--height", "64", "--redis", server.url))
    with Bus.connect(server.url) as bus:
        wait_until(lambda: "pattern" in bus.cameras() and bus.counters("pattern").published > 0)
        ingest.process.send_signal(signal.SIGTERM)
        assert ingest.finish(limit_s=60).code == 0
        # Nobody took the frames: they wait in the streams, and the end of the session behind them.
        partition = bus.cameras()["pattern"].partition
        assert bus.client.xlen(bus.keys.frames(partition)) == bus.counters("pattern").published
        assert bus.client.xlen(bus.keys.maps(partition)) == 1


def test_tail_tells_people_and_events_in_words(pipeline: Pipeline) -> None:
    pipeline.publish(2)
    pipeline.infer(2)
    pipeline.publisher.end(frames_read=2, skipped={})
    pipeline.commit()
    tail = Ghostpose(("tail", "--from-start", "--redis", pipeline.bus.address))
    assert tail.process.stdout is not None
    lines = [tail.process.stdout.readline() for _ in range(4)]
    tail.process.send_signal(signal.SIGINT)
    assert tail.finish(limit_s=60).code == 0
    assert sum("session_start" in line for line in lines) == 1
    assert sum("session_end" in line for line in lines) == 1
    assert sum("1 people lobby-" in line for line in lines) == 2


@pytest.mark.parametrize(
    "command",
    [("ingest", str(CLIP)), ("infer", "--engine", "stub:1"), ("postprocess",), ("store",)],
    ids=lambda command: command[0],
)
def test_each_role_creates_the_deployment_with_the_partitions_of_the_configuration(
    server: EmbeddedServer, tmp_path: Path, command: tuple[str, ...]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        f"redis: {{url: '{server.url}', partitions: 5}}\n"
        f"store: {{url: 'sqlite:///{tmp_path}/poses.sqlite'}}\n"
    )
    role = Ghostpose((*command, "--config", str(site)))
    with redis.Redis.from_url(server.url) as client:
        wait_until(
            lambda: client.hexists(META_KEY, "partitions") and client.hexists(META_KEY, "protocol")
        )
        assert client.hget(META_KEY, "partitions") == b"5"
    role.process.send_signal(signal.SIGTERM)
    assert role.finish(limit_s=60).code == 0
