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
from deployed_commands import folders_of, unknown_options

from app.processes import PROCESSES, ProcessRow
from ghostpose.config_file import load_config
from ghostpose.metrics import METRICS

BASE = Path(__file__).parents[2] / "deploy" / "kubernetes"
COMPONENTS = sorted((BASE / "components").iterdir())
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


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return the objects of a kustomization, which has to name every file beside it."""
    names = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml", "site.yaml"}
    assert set(names) == files
    return [
        document
        for name in names
        for document in yaml.safe_load_all((folder / name).read_text(encoding="utf-8"))
    ]


def documents() -> list[dict[str, Any]]:
    return [document for folder in (BASE, *COMPONENTS) for document in listed(folder)]


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
def test_every_kind_of_process_has_a_deployment_and_the_optional_ones_a_component(
    row: ProcessRow,
) -> None:
    assert (BASE / "components" / row.role).is_dir() == (row.role in ("link", "mirror"))
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


def test_jobs_are_bound_to_folders_that_are_mounted_and_hold_no_store() -> None:
    jobs = containers()["jobs"]
    assert folders_of(jobs["args"]) == ["/media", "/results"]
    mounted = {one["mountPath"]: one.get("subPath") for one in jobs["volumeMounts"]}
    assert (mounted["/media"], mounted["/results"]) == (None, "results")


def test_readers_are_let_in_by_labels_of_both_their_pod_and_its_namespace() -> None:
    (policy,) = (d for d in documents() if d["kind"] == "NetworkPolicy")
    ((_, readers),) = (rule["from"] for rule in policy["spec"]["ingress"])
    label = {"matchLabels": {"ghostpose/reads-poses": "true"}}
    assert readers == {"namespaceSelector": label, "podSelector": label}


def test_the_configuration_of_the_base_is_valid() -> None:
    assert load_config(BASE / "site.yaml").redis.url == "redis://redis:6379/0"


def test_the_dashboard_is_told_which_ingress_to_believe_if_there_is_one() -> None:
    (variable,) = containers()["dashboard"]["env"]
    name = variable["name"]
    source = {"configMapKeyRef": {"name": "dashboard", "key": name, "optional": True}}
    assert (name, variable["valueFrom"]) == ("FORWARDED_ALLOW_IPS", source)


def test_a_service_leads_to_a_port_that_its_deployment_names() -> None:
    (service,) = (
        d for d in documents() if (d["kind"], d["metadata"]["name"]) == ("Service", "dashboard")
    )
    role = service["spec"]["selector"]["app.kubernetes.io/component"]
    (port,) = service["spec"]["ports"]
    ports = {one["name"]: one["containerPort"] for one in containers()[role]["ports"]}
    assert f"0.0.0.0:{ports[port['targetPort']]}" in containers()[role]["args"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_builds_an_overlay_of_the_base_with_its_components(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "base")
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["base"],
        "components": [f"base/components/{path.name}" for path in COMPONENTS],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    text = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    built = list(yaml.safe_load_all(text))
    kinds = sorted(document["kind"] for document in built)
    assert kinds == sorted([*(document["kind"] for document in documents()), "ConfigMap"])
    (site,) = (d["metadata"]["name"] for d in built if d["kind"] == "ConfigMap")
    for pod in (d["spec"]["template"]["spec"] for d in built if d["kind"] == "Deployment"):
        assert {"name": "site", "configMap": {"name": site}} in pod["volumes"], "it was renamed"


def test_inference_is_scaled_by_a_metric_that_exists() -> None:
    (scaled,) = (d for d in documents() if d["kind"] == "ScaledObject")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    names = {metric.name for metric in METRICS}
    assert set(re.findall(r"ghostpose_\w+", query)) <= names
    assert scaled["spec"]["scaleTargetRef"]["name"] in containers()
