"""Jobs done by real workers: to their end, through crashes, and no further than asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from bus_servers import RealServer, free_ports, valkey
from job_site import QUICK_TO_NOTICE, JobSite
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait_until

from app.jobs.queue import TRIES_MORE, JobQueue
from app.jobs.requests import Analyze, ExportResults, Selection
from ghostpose.bus import Bus
from ghostpose.config import CameraConfig
from ghostpose.metrics import FRAMES as READ
from ghostpose.metrics import HEARTBEAT, JOBS, WAITING_JOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from job_support import Command

ROOT = Path(__file__).parents[3]
USERS = ROOT / "deploy" / "users.acl"
HEAVY = ("libtorch", "libav", "cv2", "openvino", "libarrow")


class Worker(subprocess.Popen[str]):
    """`ghostpose jobs work` as a process."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(
            [sys.executable, "-c", QUICK_TO_NOTICE, "jobs", "work", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> str:
        """Wait for its end; return what it said."""
        _, said = self.communicate(timeout=60)
        return said


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSite]:
    """A deployment in which everybody has a user of their own; nothing is refused to anybody."""
    server = RealServer(valkey(), tmp_path_factory.mktemp("server"), {"aclfile": USERS})
    server.login = "admin:change-this-admin@"

    def url_of(user: str) -> str:
        return f"redis://{user}:change-this-{user}@127.0.0.1:{server.port}"

    with server, server.client() as admin:
        with JobSite(url_of, tmp_path_factory.mktemp("site")) as running:
            yield running
        # redis-py introduces itself, and goes on without.
        assert {entry["object"] for entry in admin.acl_log()} <= {"client|setinfo"}


@pytest.fixture
def queue(site: JobSite) -> Iterator[JobQueue]:
    with JobQueue.connect(site.url) as connected:
        yield connected


@pytest.fixture
def work(site: JobSite) -> Iterator[Callable[..., Worker]]:
    """Start workers; those that still run at the end are killed."""
    started: list[Worker] = []

    def start(*arguments: str) -> Worker:
        started.append(Worker("--redis", site.url, *arguments))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        worker.communicate()


FRAMES = 120
PART = 30
"""Frames after which a job is held, so that it is killed or stopped in its middle."""


def analysis(name: str, frames: int = FRAMES) -> Analyze:
    source = f"pattern:frames={frames}&fps=50&width=64&height=48"
    return Analyze(
        camera=CameraConfig(name=name, source=source, policy="every", credit=8, height=64)
    )


def assert_every_frame_is_stored_once(site: JobSite, queue: JobQueue, job_id: str) -> None:
    state = queue.state(job_id)
    assert state.status == "finished", state
    assert (state.result["frames"], state.result["poses"]) == (FRAMES, FRAMES)
    session = state.result["session"]
    stored = site.stored(state.result["camera"])
    assert stored == [(session, seq) for seq in range(FRAMES)]


def test_jobs_are_done_one_after_the_other_and_failures_are_sentences(
    site: JobSite,
    store_url: str,
    queue: JobQueue,
    work: Callable[..., Worker],
    ghostpose: Command,
    tmp_path: Path,
) -> None:
    def export(name: str, *cameras: str) -> str:
        asked = Selection(cameras=cameras)
        output = tmp_path / "results" / name
        return queue.add(ExportResults(selection=asked, format="csv", output=output), name)

    (tmp_path / "results").mkdir()
    damaged = export("damaged.csv")
    queue.client.hset(f"rq:job:{damaged}", "status", "unheard-of")
    good, bad, better = export("a.csv"), export("b.csv", "attic"), export("c.csv", "door")
    outside = export("../d.csv")
    foreign = queue.rq.enqueue_call("os.system", ("touch /tmp/no",)).id
    folder = ("--folder", str(tmp_path / "results"))
    said = work("--store", store_url, *folder, "--until-empty").end()
    assert {path.name for path in tmp_path.rglob("*.csv")} == {"a.csv", "c.csv"}
    states = {state.id: state for state in queue.states()}
    assert [states[one].status for one in (good, bad, better)] == ["finished", "failed", "finished"]
    assert states[good].result["people"] == 192
    assert states[good].step.percent == 100
    assert "no camera 'attic'" in str(states[bad].problem)
    assert (states[bad].exit_code, states[bad].tries_left) == (2, 0), "it would fail again"
    assert (states[outside].status, states[outside].tries_left) == ("failed", 0)
    assert "outside of the folders" in str(states[outside].problem)
    assert states[foreign].status == "failed"
    assert "nothing that this ghostpose knows" in str(states[foreign].problem)
    assert f"job {damaged} is passed over" in said
    assert "Traceback" not in said
    shown = json.loads(ghostpose("jobs", "show", bad, "--json", "--jobs", site.url))
    assert "no camera 'attic'" in shown["problem"]


def test_a_job_whose_worker_is_killed_goes_on_without_losing_or_doubling_a_frame(
    site: JobSite, queue: JobQueue, work: Callable[..., Worker]
) -> None:
    job_id = queue.add(analysis("killed"), "analyze killed")
    with site.held_after(PART):
        first = work()
        wait_until(lambda: queue.state(job_id).step.done == PART, "a part of it is done")
        first.kill()
        first.end()
        assert queue.state(job_id).status == "started", "nobody knows yet"
        assert len(site.stored("killed")) <= PART
    work()
    wait_until(lambda: queue.state(job_id).is_over, "another goes on")
    assert queue.state(job_id).tries_left == TRIES_MORE - 1
    assert_every_frame_is_stored_once(site, queue, job_id)


def test_a_worker_that_is_asked_to_stop_gives_its_job_back_and_it_costs_no_try(
    site: JobSite, queue: JobQueue, work: Callable[..., Worker]
) -> None:
    job_id = queue.add(analysis("stopped"), "analyze stopped")
    tries = queue.state(job_id).tries_left
    with site.held_after(PART):
        first = work()
        wait_until(lambda: queue.state(job_id).step.done == PART, "a part of it is done")
        first.send_signal(signal.SIGTERM)
        first.end()
    assert first.returncode == 0
    assert (queue.state(job_id).status, queue.state(job_id).tries_left) == ("queued", tries)
    work("--until-empty", "--store", site.store_url).end()
    assert_every_frame_is_stored_once(site, queue, job_id)


def test_a_running_job_is_cancelled_and_done_again_where_it_was(
    site: JobSite, queue: JobQueue, work: Callable[..., Worker], ghostpose: Command
) -> None:
    job_id, address = queue.add(analysis("cancelled"), "analyze"), ("--jobs", site.url)
    with site.held_after(PART):
        worker = work()
        wait_until(lambda: queue.state(job_id).step.done == PART, "a part of it is done")
        loaded = Path(f"/proc/{worker.pid}/maps").read_text(encoding="utf-8")
        assert not any(name in loaded for name in HEAVY), "it forks, and these don't bear that"
        ghostpose("jobs", "cancel", job_id, *address)
        wait_until(lambda: queue.state(job_id).is_over, "it is stopped")
        assert queue.state(job_id).status == "stopped"
        assert len(site.stored("cancelled")) <= PART
    ghostpose("jobs", "retry", job_id, *address)
    wait_until(lambda: queue.state(job_id).is_over, "it is done")
    assert_every_frame_is_stored_once(site, queue, job_id)


def test_recordings_that_can_not_be_read_hold_up_no_other(
    site: JobSite, work: Callable[..., Worker], ghostpose: Command, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(os.urandom(1000))
    work()
    videos = ("no.mp4", broken, "pattern:frames=20&fps=50&width=64&height=48")
    how = ("--height", "64", "--redis", site.url, "--queue", "--wait", "--json")
    rows = json.loads(ghostpose("analyze", *videos, *how, code=2).splitlines()[0])["videos"]
    assert rows["pattern"]["poses"] == 20
    assert len(site.stored("pattern")) == 20
    assert "no.mp4" in rows["no"]["problem"]
    assert "broken" in rows["broken"]["problem"]
    with Bus.connect(site.url) as bus:
        assert not {"no", "broken"} & bus.cameras().keys()


def test_who_watches_hears_of_a_worker_and_its_jobs(
    site: JobSite, queue: JobQueue, work: Callable[..., Worker], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"

    def scrape() -> dict[tuple[str, ...], float]:
        text = httpx.get(f"{address}/metrics", timeout=60).text
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    done = [queue.add(analysis("watched", 20), "analyze watched")]
    for name in ("watched", "attic"):
        chosen, output = Selection(cameras=(name,)), tmp_path / f"{name}.csv"
        done.append(queue.add(ExportResults(selection=chosen, format="csv", output=output), name))
    work("--store", site.store_url, "--metrics", f"127.0.0.1:{port}")
    wait_until(lambda: all(queue.state(one).is_over for one in done), "all is done")
    wait_until(lambda: (JOBS.name, "export-results", "failed") in scrape(), "all are counted")
    told = scrape()
    assert told[(JOBS.name, "analyze", "finished")] == 1
    assert told[(JOBS.name, "export-results", "finished")] == 1
    assert told[(JOBS.name, "export-results", "failed")] == 1
    assert told[(WAITING_JOBS.name,)] == 0
    assert told[(READ.name, "watched", "read", "")] == 20
    roles = {name[1] for name in told if name[0] == HEARTBEAT.name}
    assert roles == {"jobs"}, "who played the recording is gone, and nobody misses it"
    for path in ("healthz", "readyz"):
        assert httpx.get(f"{address}/{path}", timeout=60).status_code == 200, path
