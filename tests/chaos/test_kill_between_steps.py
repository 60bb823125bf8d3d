"""A process of each role is killed after each of its steps; whoever is next loses nothing."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING

import killed_roles
import pytest
import redis
import samples
from lives import LIMIT_S, lives
from traffic import Traffic
from waiting import wait_until

from ghostpose.bus.steps import Step
from ghostpose.config import CameraConfig
from ingest import camera_process, child
from ingest.supervisor import run_ingest

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

pytestmark = pytest.mark.timeout(600)

STEPS = {
    "inference": {"take", "claim", "hold", "finish maps", "finish gap", "bury", "mend", "leave"},
    "postprocess": {"lease take", "lease renew", "lease release", "take_maps", "commit pose"}
    | {"commit gap", "bury", "mend"},
    "store": {"xreadgroup", "xack"},
    "ingest": {"open_session", "publish", "end_session"},
}
"""What each role must have been seen to do, for the test to be worth something."""

ONLY_IN_STOPPING = {"leave", "lease release"}


def is_worth_dying_at(point: str) -> bool:
    """After each step; before it too where a step without a reply lies between."""
    return point.startswith("after ") or point in {"before xack", "before database commit"}


@pytest.mark.parametrize("role", ["inference", "postprocess", "store"])
def test_a_process_killed_between_any_two_steps_loses_and_doubles_nothing(
    role: str, server: EmbeddedServer, tmp_path: Path
) -> None:
    with lives(server, tmp_path) as processes, Traffic(server.url) as traffic:
        for other in {"inference", "postprocess", "store"} - {role}:
            processes.start(other)
        points = processes.observe(role, STEPS[role] - ONLY_IN_STOPPING)
        for point, while_stopping in points.items():
            if is_worth_dying_at(point):
                processes.die_at(role, point, while_stopping=while_stopping)
        last = processes.start(role)
        traffic.stop()
        wait_until(traffic.is_settled, "every frame has its outcome")
        traffic.assert_ledger_balances()
        processes.assert_stored(traffic)
        last.terminate()
        last.join(LIMIT_S)
        assert last.exitcode == 0


def test_a_recording_killed_between_any_two_steps_is_published_once(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_process, "main", killed_roles.camera_main)
    monkeypatch.setattr(child, "LONGEST_WAIT_S", 0.05)
    with lives(server, tmp_path) as processes, Traffic(server.url) as traffic:
        for role in ("inference", "postprocess"):
            processes.start(role)
        traffic.stop()
        observed = play(server.url, [], frames=8)
        assert {f"after {step}" for step in STEPS["ingest"]} <= set(observed)
        points = [point for point in observed if is_worth_dying_at(point)]
        camera = f"ghostpose-{uuid.uuid4().hex}"
        play(server.url, points, frames=60, camera=camera)
        wait_until(lambda: traffic.bus.counters(camera).in_flight == 0, "all committed")
        key = traffic.bus.keys.poses(camera)
        poses = [_place(entry) for entry in traffic.bus.client.xrange(key)]
        assert [seq for _, seq, _ in poses] == list(range(60))
        assert [round(10 * media_time) for _, _, media_time in poses] == list(range(60))
        assert len({session for session, _, _ in poses}) == 1
        assert traffic.bus.counters(camera).sessions_ended == 1


def _place(entry: tuple[bytes, dict[bytes, bytes]]) -> tuple[int, int, float]:
    message = samples.message_of(entry)
    return message["session"], message["seq"], message["media_time"]


def play(url: str, points: list[str], frames: int, camera: str = "") -> list[str]:
    """Play a recording whose process is killed at each point; return the points it passed."""
    camera = camera or f"ghostpose-{uuid.uuid4().hex}"
    folder = killed_roles.plan_folder(camera)
    folder.mkdir()
    (folder / "plan").write_text("\n".join(points))
    source = f"pattern:frames={frames}&fps=10&width=64&height=48&people=1"
    config = CameraConfig(name=camera, source=source, policy="every", height=64)
    (report,) = run_ingest(
        url, [config], threading.Event(), recording_restarts=len(points), partitions=2
    )
    assert (report.problem, report.tally.read, report.tally.published) == (None, frames, frames)
    assert len((folder / "lives").read_text().split()) == len(points) + 1
    return list(dict.fromkeys((folder / "log").read_text().splitlines()))


def test_production_code_has_no_points_of_its_own() -> None:
    """They cost nothing because they are not there: the child wraps redis-py's one door."""
    assert redis.Redis.execute_command.__module__ == "redis.client"
    assert {step for role in STEPS.values() for step in role if step in {s.value for s in Step}}
