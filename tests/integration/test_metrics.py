"""Metrics of a real run, and all that is made of them: dashboard, alerts, documentation."""

from __future__ import annotations

import gzip
import http.server
import itertools
import json
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import yaml
from bus_servers import free_ports
from prometheus_client.parser import text_string_to_metric_families
from run_support import Ghostpose, wait_until

from ghostpose.metrics import HEARTBEAT, JOBS, MEMORY, METRICS, TURN, WAITING_JOBS
from ghostpose.types import Timings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "deploy" / "observability"
ALERTS = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((OBSERVABILITY / "dashboard.json").read_text(encoding="utf-8"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

OF_JOBS = {JOBS.name, WAITING_JOBS.name}
"""What a worker of jobs says, and no run; `tests/app/jobs/test_job_worker.py` hears it."""

OF_A_RUN = {metric.name for metric in METRICS} - OF_JOBS

LABELS = {metric.name: set(metric.labels) for metric in METRICS}

USED = re.compile(r"\b(ghostpose_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!=|!~|=)")

STAGES = ("decode", "inference", "commit")

ROLES = {"ingest", "inference", "postprocess", "store"}

Scrape = dict[str, list[dict[str, Any]]]
"""Labels of each sample, its value among them, by name."""


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def parsed(text: str) -> Scrape:
    scrape: Scrape = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            scrape.setdefault(sample.name, []).append({**sample.labels, "value": sample.value})
    return scrape


def names(scrape: Scrape) -> set[str]:
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in scrape}


def value(scrape: Scrape, name: str, **labels: str) -> float:
    rows = [row for row in scrape.get(name, []) if labels.items() <= row.items()]
    return sum(row["value"] for row in rows)


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes traces as OpenTelemetry's collector does."""

    requests: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.requests.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def collector() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def roles(scrape: Scrape, name: str) -> set[str]:
    return {row["role"] for row in scrape.get(name, [])}


def is_between_frames(scrape: Scrape) -> bool:
    """Whether no frame is half counted in it: the camera goes on while it is put together."""
    poses = value(scrape, "ghostpose_frames_total", outcome="pose")
    counts = (value(scrape, "ghostpose_stage_seconds_count", stage=stage) for stage in STAGES)
    return all(count == poses for count in counts)


@pytest.fixture(scope="module")
def scrape(tmp_path_factory: pytest.TempPathFactory, collector: str) -> Iterator[Scrape]:
    """Run all roles until each has something to say; return what the run's endpoint says."""
    (port,) = free_ports(1)
    config = tmp_path_factory.mktemp("config") / "site.yaml"
    traces = f"traces: {collector}, " if find_spec("opentelemetry") else ""
    config.write_text(f"metrics: {{{traces}trace_every: 2}}")
    run = Ghostpose((
        "run", "pattern:frames=100000&fps=5&width=160&height=120", "--policy", "latest",
        "--engine", "stub:5", "--height", "64", "--metrics", f"127.0.0.1:{port}",
        "--config", str(config), "--output", str(tmp_path_factory.mktemp("run")),
    ))  # fmt: skip
    said: list[Scrape] = []

    def is_complete() -> bool:
        assert run.process.poll() is None
        status, text = get(port, "/metrics")
        said.append(parsed(text) if status == 200 else {})
        published = value(said[-1], "ghostpose_frames_total", outcome="published")
        stored = value(said[-1], "ghostpose_stored_total", what="poses")
        has_all = names(said[-1]) >= OF_A_RUN and value(said[-1], "ghostpose_camera_playing") == 1
        has_all &= roles(said[-1], MEMORY.name) == ROLES  # told with the first heartbeat
        if not (published > 0 and stored > 0 and has_all and is_between_frames(said[-1])):
            return False
        return get(port, "/readyz")[0] == 200

    try:
        wait_until(is_complete)
        assert get(port, "/healthz")[0] == 200
        run.process.terminate()
        assert run.finish().code == 0
    finally:
        run.process.kill()
    yield said[-1]


def test_a_run_has_every_metric_of_the_table_and_no_other(scrape: Scrape) -> None:
    assert names(scrape) == OF_A_RUN
    for metric in METRICS:
        if metric.name in OF_JOBS:
            continue
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        for row in scrape[name]:
            assert row.keys() == {*metric.labels, "value"}, metric.name


def test_the_numbers_of_all_processes_are_together(scrape: Scrape) -> None:
    assert value(scrape, "ghostpose_frames_total", outcome="pose") > 0
    assert is_between_frames(scrape)
    assert roles(scrape, HEARTBEAT.name) == ROLES
    assert roles(scrape, TURN.name) == ROLES | {"run"}
    assert value(scrape, "ghostpose_camera_playing", camera="pattern") == 1
    assert 10e6 < value(scrape, "ghostpose_process_memory_bytes", role="store") < 2e9


@pytest.mark.usefixtures("scrape")
def test_a_frame_is_traced_through_all_stages_one_after_the_other() -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    assert {path for path, _ in Collector.requests} == {"/v1/traces"}
    spans = [
        span
        for _, body in Collector.requests
        for resource in service.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    frame = next(span for span in spans if span.name == "frame")
    about = {one.key: one.value for one in frame.attributes}
    assert about["camera"].string_value == "pattern"
    assert about["seq"].int_value % 2 == 0
    inside = [span for span in spans if span.parent_span_id == frame.span_id]
    inside.sort(key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano))
    assert {span.name for span in inside} == {stage.name for stage in fields(Timings)}
    assert inside[0].start_time_unix_nano == frame.start_time_unix_nano
    assert inside[-1].end_time_unix_nano == frame.end_time_unix_nano
    for before, after in itertools.pairwise(inside):
        assert before.end_time_unix_nano == after.start_time_unix_nano


def expressions() -> list[str]:
    targets = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [rule["expr"] for rule in RULES] + [target["expr"] for target in targets]


def labels_of(name: str) -> set[str]:
    """Return the labels of what a metric is told as: a histogram has samples of other names."""
    return LABELS[re.sub(r"_(bucket|count|sum)$", "", name)]


def test_dashboard_and_alerts_name_metrics_and_labels_that_processes_have(scrape: Scrape) -> None:
    found = 0
    for expression in expressions():
        used = USED.findall(expression)
        for name, selector in used:
            assert name in scrape.keys() | OF_JOBS, f"{name} in {expression}"
            labels = set(LABEL.findall(selector)) - {"le"}
            assert labels <= labels_of(name), f"{selector} in {expression}"
            found += 1
        for grouped in re.findall(r"by \(([^)]*)\)", expression):
            known = {label for name, _ in used for label in labels_of(name)} | {"le"}
            assert set(re.split(r",\s*", grouped)) <= known, expression
    assert found > len(RULES) + len(DASHBOARD["panels"])


def test_every_metric_is_documented_and_every_alert_has_its_runbook() -> None:
    rows = re.findall(r"^\| `(ghostpose_\w+)` \| (.*?) \|", OPERATIONS, re.MULTILINE)
    assert [name for name, _ in rows] == [metric.name for metric in METRICS]
    for metric, (_, labels) in zip(METRICS, rows, strict=True):
        assert tuple(re.findall(r"`(\w+)`", labels)) == metric.labels, metric.name
    headings = re.findall(r"^### (\w+)$", OPERATIONS, re.MULTILINE)
    assert headings == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian's prometheus)")
def test_prometheus_finds_nothing_wrong_with_the_alerts() -> None:
    subprocess.run(["promtool", "check", "rules", OBSERVABILITY / "alerts.yml"], check=True)
