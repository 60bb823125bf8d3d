"""deploy/kubernetes, held against Kubernetes' own schemas and the table of processes."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from deployed_commands import unknown_options

from app.processes import PROCESSES, ProcessRow
from ghostpose.config_file import load_config

BASE = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSION = "1.31"


def documents() -> list[dict[str, Any]]:
    names = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert set(names) == {p.name for p in BASE.glob("*.yaml")} - {"kustomization.yaml", "site.yaml"}
    return [
        document
        for name in names
        for document in yaml.safe_load_all((BASE / name).read_text(encoding="utf-8"))
    ]


def containers() -> dict[str, dict[str, Any]]:
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]
        for document in documents()
        if document["kind"] == "Deployment"
    }


@pytest.mark.parametrize(
    "document", documents(), ids=lambda d: f"{d['kind']}-{d['metadata']['name']}"
)
def test_every_object_follows_its_schema(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)
    broken = copy.deepcopy(document)
    broken["spce"] = broken.pop("spec", {})
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


@pytest.mark.parametrize("row", PROCESSES, ids=lambda row: row.role)
def test_every_kind_of_process_but_the_optional_ones_has_a_deployment(row: ProcessRow) -> None:
    if row.role in ("mirror", "link", "dashboard", "jobs"):
        assert row.role not in containers()
        return
    command, *arguments = containers()[row.role]["args"]
    assert command == row.command
    assert unknown_options(command, arguments) == []


@pytest.mark.parametrize("name", sorted(containers()))
def test_a_container_may_write_nothing_and_has_bounds(name: str) -> None:
    container = containers()[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def test_the_configuration_of_the_base_is_valid() -> None:
    assert load_config(BASE / "site.yaml").redis.url == "redis://redis:6379/0"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_builds_the_base() -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, check=True
    ).stdout
    kinds = sorted(document["kind"] for document in yaml.safe_load_all(built))
    assert kinds == sorted([*(document["kind"] for document in documents()), "ConfigMap"])
