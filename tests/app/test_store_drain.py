"""The store is stopped last, and waited for as long as it makes progress."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from app.launch import Child, Children, ProcessDiedError
from app.processes import row_of
from app.store_drain import drain_store, unstored
from ghostpose.topics import STORE_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from roles import Pipeline

SCRIPT = """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print(flush=True)
signal.sigwait([signal.SIGTERM])
time.sleep({})
"""


@pytest.fixture
def children() -> Iterator[Children]:
    started = Children(lambda _: None)
    yield started
    started.stop(grace_s=0)


def start_store(children: Children, drains_s: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(drains_s)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    children.children.append(Child(row_of("store"), 1, (), process))


def test_a_slow_store_is_waited_for_while_less_and_less_is_left(children: Children) -> None:
    start_store(children, drains_s=1.0)
    left = itertools.count(1000, -1)
    drain_store(children, lambda: next(left) if children.alive("store") else 0, stall_s=0.5)
    assert not children.alive("store")


def test_a_store_that_makes_no_progress_is_given_up(children: Children) -> None:
    start_store(children, drains_s=60.0)
    with pytest.raises(ProcessDiedError, match="with 7 messages not in its database") as caught:
        drain_store(children, lambda: 7, stall_s=0.3)
    assert caught.value.exit_code == 1


def test_what_is_unstored_is_what_the_group_has_not_acknowledged(pipeline: Pipeline) -> None:
    bus, camera = pipeline.bus, pipeline.camera
    assert unstored(bus, ["elsewhere"]) == 0
    pipeline.publish(3)
    pipeline.infer(3)
    pipeline.commit()
    assert unstored(bus, [camera]) == 3 + 1  # the start of the session too
    key = bus.keys.poses(camera)
    bus.client.xgroup_create(key, STORE_GROUP, "0")
    taken = bus.client.xreadgroup(STORE_GROUP, "a", {key: ">"}, count=2)
    assert unstored(bus, [camera]) == 4
    bus.client.xack(key, STORE_GROUP, *(entry_id for entry_id, _ in taken[0][1]))
    assert unstored(bus, [camera]) == 2
