"""deploy/kubernetes, held against Kubernetes' own schemas and the table of processes."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from deployed_commands import unknown_options

from app.processes import PROCESSES, ProcessRow
from ghostpose.config_file import load_config
from ghostpose.metrics import METRICS

BASE = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSION = "1.31"
KEDA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "keda.sh/v1alpha1"},
        "kind": {"const": "ScaledObject"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["scaleTargetRef", "triggers"],
            "properties": {
                "scaleTargetRef": {"type": "object", "required": ["name"]},
                "minReplicaCount": {"type": "integer", "minimum": 0},
                "maxReplicaCount": {"type": "integer", "minimum": 1},
                "cooldownPeriod": {"type": "integer", "minimum": 0},
                "triggers": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["type", "metadata"],
                        "properties": {
                            "type": {"const": "prometheus"},
                            "metadata": {
                                "type": "object",
                                "required": ["serverAddress", "query", "threshold"],
                                "additionalProperties": {"type": "string"},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What of KEDA's ScaledObject is used here, as its documentation has it (2.17)."""


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


def validate(document: dict[str, Any]) -> None:
    if document["kind"] == "ScaledObject":
        jsonschema.validate(document, KEDA)
    else:
        kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize(
    "document", documents(), ids=lambda d: f"{d['kind']}-{d['metadata']['name']}"
)
def test_every_object_follows_its_schema(document: dict[str, Any]) -> None:
    validate(document)
    broken = copy.deepcopy(document)
    broken["spce"] = broken.pop("spec", {})
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        validate(broken)


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


def test_inference_is_scaled_by_a_metric_that_exists() -> None:
    (scaled,) = (d for d in documents() if d["kind"] == "ScaledObject")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    names = {metric.name for metric in METRICS}
    assert set(re.findall(r"ghostpose_\w+", query)) <= names
    assert scaled["spec"]["scaleTargetRef"]["name"] in containers()
