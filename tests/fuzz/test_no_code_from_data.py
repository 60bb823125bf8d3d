"""Nothing that comes from outside is ever run: no pickle and no unsafe loader anywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ("ghostpose", "ingest", "workers", "postprocess", "app", "training", "benchmarks")

RUNS_DATA = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
"""Modules that make objects, and so run code, of what they read."""

PIPES = {"ingest/child.py", "ingest/camera_process.py"}
"""The one exception: multiprocessing's pipes, which pickle, between a supervisor and the camera
processes that it has started itself, on one machine. No other process can open them."""

FILES = sorted(path for folder in PROGRAM for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls_of(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """Return (dotted name, call) of everything that is called by a plain name."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [(ast.unparse(call.func), call) for call in calls]


def keyword(call: ast.Call, name: str) -> object:
    values = {k.arg: k.value for k in call.keywords}
    value = values.get(name)
    return value.value if isinstance(value, ast.Constant) else None


def faults_of(source: str, *, may_pipe: bool = False) -> list[str]:
    """Return what in a module could run data as code."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names]
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [m for m in modules if m.split(".")[0] in RUNS_DATA]
    for name, call in calls_of(tree):
        last = name.rpartition(".")[2]
        if name in {"eval", "exec", "compile"}:
            found.append(name)
        if name.endswith("torch.load") and keyword(call, "weights_only") is not True:
            found.append("torch.load without weights_only")
        if keyword(call, "allow_pickle") is True:
            found.append("allow_pickle")
        if last in {"unsafe_load", "full_load"} or (
            name == "yaml.load" and "Safe" not in ast.unparse(call)
        ):
            found.append(name)
        if last in {"recv", "Pipe", "Manager"} and not may_pipe:
            found.append(name)
    return found


def test_no_module_runs_what_it_reads() -> None:
    assert len(FILES) > 100
    faults = {
        named(path): faults_of(path.read_text(encoding="utf-8"), may_pipe=named(path) in PIPES)
        for path in FILES
    }
    assert {name: found for name, found in faults.items() if found} == {}


def test_the_exception_is_needed() -> None:
    for name in PIPES:
        assert faults_of((ROOT / name).read_text(encoding="utf-8")), name


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch; torch.load(p)",
        "import torch; torch.load(p, weights_only=False)",
        "import numpy as np; np.load(p, allow_pickle=True)",
        "import yaml; yaml.load(t, Loader=yaml.Loader)",
        "import yaml; yaml.unsafe_load(t)",
        "eval(text)",
        "a, b = Pipe(); b.recv()",
    ],
)
def test_what_runs_data_is_found(source: str) -> None:
    assert faults_of(source)
