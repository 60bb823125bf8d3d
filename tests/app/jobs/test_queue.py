"""The queue: only JSON, only what ghostpose knows, and each mistake one sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bus_servers import cluster
from hypothesis import given, settings
from hypothesis import strategies as st

from app.jobs.progress import Step
from app.jobs.queue import JobMeta, JobQueue, keep_step, request_of
from app.jobs.requests import REQUEST, AnyRequest, ExportResults, Report, Selection, Site
from app.jobs.worker import JobWorker
from ghostpose.errors import DecodeError, JobError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from job_support import Command

    from ghostpose.bus import EmbeddedServer


@pytest.fixture
def queue(server: EmbeddedServer) -> Iterator[JobQueue]:
    with JobQueue.connect(server.url) as connected:
        yield connected


REQUESTS: tuple[AnyRequest, ...] = (
    ExportResults(
        selection=Selection(cameras=("hall",), since=1.5), format="csv", output=Path("/tmp/a.csv")
    ),
    Report(selection=Selection(session=3), output=Path("/tmp/a.html")),
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_comes_out_of_the_queue_as_it_went_in(
    request_: AnyRequest, queue: JobQueue
) -> None:
    job = queue._fetch(queue.add(request_, "something"))
    assert request_of(job) == request_


def test_what_is_kept_on_the_server_is_json(queue: JobQueue) -> None:
    job_id = queue.add(REQUESTS[0], "export a.csv")
    job = queue._fetch(job_id)
    keep_step(job, Step(3, 9, "frames"))
    import zlib

    row: dict[bytes, bytes] = queue.client.hgetall(f"rq:job:{job_id}")  # type: ignore[assignment]
    function, _, arguments, kwargs = json.loads(zlib.decompress(row[b"data"]))
    assert (function, arguments) == ("export-results", [])
    assert REQUEST.validate_python(kwargs["request"]) == REQUESTS[0]
    assert json.loads(row[b"meta"])["progress"] == {"done": 3, "total": 9, "unit": "frames"}


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {},
        {"kind": "shell"},
        {"kind": "report", "selection": {}, "output": "/tmp/a", "then": "rm"},
        ["report"],
    ],
)
def test_a_job_that_asks_for_anything_else_is_refused(asked: Any, queue: JobQueue) -> None:
    job = queue.rq.enqueue_call("os.system", kwargs={"request": asked})
    with pytest.raises(DecodeError, match="nothing that this ghostpose knows"):
        request_of(queue._fetch(job.id))
    assert queue._fetch(job.id).func is None, "nothing is imported by name"


def test_callbacks_and_webhooks_that_somebody_wrote_into_a_job_are_not_there(
    queue: JobQueue,
) -> None:
    job_id = queue.add(REQUESTS[0], "export a.csv")
    hook = {"url": "http://127.0.0.1:1/told", "job_status": "finished"}
    written = {f"{when}_callback_name": "os.abort" for when in ("success", "failure", "stopped")}
    queue.client.hset(f"rq:job:{job_id}", mapping=written | {"webhooks": json.dumps([hook])})
    job = queue._fetch(job_id)
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)
    assert job.webhooks == []


DAMAGED = (
    {"status": "unheard-of"},
    {"created_at": "yesterday"},
    {"timeout": "soon"},
    {"data": "no JSON"},
    {"dependency_ids": "[" * 100_000},
)


def test_what_can_not_be_read_as_a_job_is_passed_over_by_workers_and_listings(
    queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    for damage in DAMAGED:
        queue.client.hset(f"rq:job:{queue.add(REQUESTS[0], 'damaged')}", mapping=damage)
    queue.client.rpush(queue.rq.key, "no/id")
    good = queue.add(REQUESTS[1], "good")
    assert [state.id for state in queue.states()] == [good]
    queue.check_that_none_is_there(["damaged"])
    worker = JobWorker(queue, Site(queue.address, None))
    taken = worker.dequeue_job_and_maintain_ttl(None)
    assert taken is not None
    assert taken[0].id == good, "as RQ takes them: an error here would end the worker"
    assert "can't be read: ValueError(\"'unheard-of'" in caplog.text
    waiting = queue.rq.intermediate_queue
    waiting.cleanup(worker, queue.rq)
    assert waiting.get_job_ids() == [good], "later workers don't meet them again"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(), values, max_size=2),
    max_leaves=3,
)
NAMES = st.sampled_from(["progress", "session", "problem", "exit_code", "done", "total", "unit"])


@settings(max_examples=50)
@given(JSON | st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON)))
def test_whatever_stands_in_a_jobs_meta_it_can_be_looked_at(meta: Any) -> None:
    known = JobMeta.of(meta)
    assert isinstance(known.exit_code, int)
    assert isinstance(known.progress.done, int)


def test_one_camera_is_not_analysed_twice_at_a_time(queue: JobQueue, ghostpose: Command) -> None:
    again = ("analyze", "hall.mp4", "--queue", "--jobs", queue.address)
    job_id = ghostpose(*again).split()[0]
    said = ghostpose(*again, code=2)
    assert f"job {job_id} does this already (queued)" in said
    assert len(queue.states()) == 1


def test_jobs_are_listed_in_the_order_they_came(queue: JobQueue, ghostpose: Command) -> None:
    ids = [queue.add(one, f"number {n}") for n, one in enumerate(REQUESTS)]
    address = ("--jobs", queue.address)
    rows = [json.loads(line) for line in ghostpose("jobs", "list", "--json", *address).splitlines()]
    assert [row["job"] for row in rows] == ids
    assert [(row["kind"], row["status"]) for row in rows] == [
        ("export-results", "queued"),
        ("report", "queued"),
    ]
    assert "number 1" in ghostpose("jobs", "show", ids[1], *address)


def test_a_queued_job_is_cancelled_and_done_again(queue: JobQueue, ghostpose: Command) -> None:
    job_id, address = queue.add(REQUESTS[1], "retention"), ("--jobs", queue.address)
    ghostpose("jobs", "cancel", job_id, *address)
    assert queue.state(job_id).status == "canceled"
    assert queue.rq.get_job_ids() == []
    assert "is over (canceled)" in ghostpose("jobs", "cancel", job_id, *address, code=2)
    ghostpose("jobs", "retry", job_id, *address)
    assert queue.rq.get_job_ids() == [job_id]
    assert [state.status for state in queue.states()] == ["queued"]
    assert "only a job that failed" in ghostpose("jobs", "retry", job_id, *address, code=2)


@pytest.mark.parametrize("command", ["show", "cancel", "retry"])
@pytest.mark.parametrize(
    "job_id", ["3e0c5f7e-0c3b-4a52-9d0e-5e5f0f3d1c55", "no:such/id", "\x1b[2J"]
)
def test_a_job_that_is_not_there_is_one_sentence(
    command: str, job_id: str, server: EmbeddedServer, ghostpose: Command
) -> None:
    said = ghostpose("jobs", command, job_id, "--jobs", server.url, code=2)
    assert "there is no job" in said
    assert len(said.splitlines()) == 1
    assert said.strip().isprintable()


def test_a_server_that_is_away_is_one_sentence(
    ghostpose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.queue.CONNECT_S", 0.2)
    address = f"unix://{tmp_path}/nobody.sock"
    said = ghostpose("jobs", "list", "--jobs", address, code=2)
    assert "No Redis server answers" in said
    assert len(said.splitlines()) == 1


def test_without_rq_a_command_says_what_to_install(
    ghostpose: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "app.jobs.queue")
    monkeypatch.setitem(sys.modules, "rq", None)
    assert "pip install 'ghostpose[jobs]'" in ghostpose("jobs", "list", code=2)


def test_the_environment_names_the_queues_server(
    queue: JobQueue, ghostpose: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = queue.add(REQUESTS[1], "retention")
    monkeypatch.setenv("GHOSTPOSE_JOBS_URL", queue.address)
    assert job_id in ghostpose("jobs", "list", "--redis", "redis://127.0.0.1:1")


def test_a_queued_request_names_no_store(ghostpose: Command, tmp_path: Path) -> None:
    arguments = ("report", "--output", "a.html", "--queue", "--store", "sqlite:///a.sqlite")
    assert "leave --store out" in ghostpose(*arguments, code=2)


def test_a_cluster_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with (
        cluster(tmp_path, 1) as (server,),
        pytest.raises(JobError, match=r"is a Redis Cluster.*GHOSTPOSE_JOBS_URL"),
    ):
        JobQueue.connect(server.url)
