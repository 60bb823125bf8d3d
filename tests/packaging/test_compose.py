"""docker-compose.yml and Dockerfile, held against the specification and the table of processes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from deployed_commands import folders_of, unknown_options

from app.processes import PROCESSES, ProcessRow
from ghostpose.config_file import load_config

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OTHERS = {"redis", "prometheus", "grafana"}
"""Services that are not ghostpose's own."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def services_of(compose: dict[str, Any], row: ProcessRow) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = compose["services"]
    return {
        name: service
        for name, service in services.items()
        if name not in OTHERS and service["command"][0] == row.command
    }


def check_schema(path: Path) -> subprocess.CompletedProcess[str]:
    arguments = ["--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_compose_file_follows_the_compose_specification(tmp_path: Path) -> None:
    result = check_schema(COMPOSE)
    assert result.returncode == 0, result.stdout
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text(encoding="utf-8").replace("restart:", "restrat:"))
    assert check_schema(broken).returncode != 0


def test_every_service_but_redis_is_a_row_of_the_table(compose: dict[str, Any]) -> None:
    commands = {row.command for row in PROCESSES}
    for name, service in compose["services"].items():
        assert name in OTHERS or service["command"][0] in commands


@pytest.mark.parametrize("row", PROCESSES, ids=lambda row: row.role)
def test_a_row_of_the_table_is_a_service_with_its_policies(
    compose: dict[str, Any], row: ProcessRow
) -> None:
    services = services_of(compose, row)
    assert row.role in services
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert "memory" in service["deploy"]["resources"]["limits"], name
        assert service.get("scale", 1) == row.scale, name
        assert "container_name" not in service, f"{name}: a fixed name can't be scaled"
        assert not (row.scales and "ports" in service), f"{name}: a fixed port can't be scaled"
        assert service["depends_on"] == {"redis": {"condition": "service_healthy"}}


def test_a_container_is_asked_for_its_health_where_it_serves_it(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name in OTHERS:
            continue
        metrics = service["command"].index("--metrics") + 1
        port = service["command"][metrics].rpartition(":")[2]
        assert f"127.0.0.1:{port}/healthz" in " ".join(service["healthcheck"]["test"]), name


def test_the_dashboard_is_told_who_may_come_in_and_which_proxy_to_believe(
    compose: dict[str, Any],
) -> None:
    told = compose["services"]["dashboard"]["environment"]
    assert told == ["GHOSTPOSE_DASHBOARD_TOKENS", "FORWARDED_ALLOW_IPS"]


def test_jobs_are_bound_to_recordings_and_results_and_the_store_is_in_neither(
    compose: dict[str, Any],
) -> None:
    jobs = compose["services"]["jobs"]
    assert folders_of(jobs["command"]) == ["/media", "/results"]
    mounted = dict(volume.split(":")[1::-1] for volume in jobs["volumes"])
    assert mounted["/results"] == "results-data"
    made = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--owner=ghostpose /data /results" in made, "a volume takes its owner from the image"


def test_a_container_may_write_to_its_volumes_alone(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_prometheus_asks_every_service_of_ours(compose: dict[str, Any]) -> None:
    path = ROOT / "deploy" / "observability" / "prometheus.yml"
    (job,) = yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]
    asked = job["dns_sd_configs"][0]["names"]
    assert sorted(asked) == sorted(compose["services"].keys() - OTHERS)


def test_the_network_runs_by_a_cpu_and_a_gpu_profile_and_others_are_options(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    profiles = {
        name: service["profiles"] for name, service in services.items() if "profiles" in service
    }
    assert profiles == {
        "inference": ["cpu"],
        "inference-gpu": ["gpu"],
        "mirror": ["mqtt"],
        "link": ["link"],
        "dashboard": ["dashboard"],
        "jobs": ["jobs"],
        "prometheus": ["observability"],
        "grafana": ["observability"],
    }
    devices = services["inference-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]


def test_every_command_of_a_service_is_one_that_ghostpose_knows(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name in OTHERS:
            continue
        command, *arguments = service["command"]
        assert unknown_options(command, arguments) == [], name


def test_volumes_of_files_in_the_repository_exist(compose: dict[str, Any]) -> None:
    named = set(compose["volumes"])
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
            assert source in named or (ROOT / source).exists(), source


def test_every_configuration_that_comes_with_ghostpose_is_valid() -> None:
    files = sorted((ROOT / "configs").glob("*.yaml"))
    assert files
    for path in files:
        load_config(path)


def dockerfile_instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_images_are_built_in_stages_and_run_without_root(compose: dict[str, Any]) -> None:
    stages: dict[str, str] = {}
    users: dict[str, str] = {}
    stage = ""
    for word, rest in dockerfile_instructions():
        if word == "FROM":
            parent, _, stage = rest.partition(" AS ")
            stages[stage] = parent
            users[stage] = users.get(parent, "root")
        elif word == "USER":
            users[stage] = rest
    targets = {s["build"]["target"] for s in compose["services"].values() if "build" in s}
    assert targets == {"cpu", "gpu"}
    for target in targets:
        assert users[target] == "ghostpose"
        assert "build" not in stages[target], "an image carries the tools that built it"


def test_the_dockerfile_copies_what_exists_and_every_package() -> None:
    copied = [
        path
        for word, rest in dockerfile_instructions()
        if word == "COPY" and "--from" not in rest
        for path in shlex.split(rest)[:-1]
    ]
    assert all((ROOT / path).exists() for path in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["importlinter"]["root_packages"]
    assert set(packages) <= set(copied)
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert all(f"!{path}" in kept for path in copied)
