"""deploy/install_torch.sh: which torch is taken from where, and that CUDA never comes unasked."""

from __future__ import annotations

import http.server
import json
import platform
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).parents[2] / "deploy" / "install_torch.sh"
NOWHERE = "http://127.0.0.1:1"

FAKE_PYTHON = """#!/bin/sh
# Stands for the environment's Python: torch isn't installed, and pip only writes down what it is
# told; a report is the one that was prepared.
here=$(dirname "$0")
case $1 in
    -c) exit 1 ;;
    -) exec {python} "$@" ;;
esac
echo "$@" >> "$here/pip.log"
while [ $# -gt 0 ]; do
    if [ "$1" = --report ]; then cp "$here/report.json" "$2"; fi
    shift
done
"""


@dataclass
class Fake:
    folder: Path

    def install(self, build: str, index: str = NOWHERE) -> subprocess.CompletedProcess[str]:
        python = self.folder / "python"
        arguments = ["sh", str(SCRIPT), str(python), build, "2.13.0", index]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)

    def pip_would_take(self, *requirements: str) -> None:
        report = {"install": [{"metadata": {"requires_dist": list(requirements)}}]}
        (self.folder / "report.json").write_text(json.dumps(report))

    @property
    def installed(self) -> list[str]:
        log = self.folder / "pip.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if "--dry-run" not in line]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    python = tmp_path / "python"
    python.write_text(FAKE_PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    return Fake(tmp_path)


@pytest.fixture
def index() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_cpu_index_is_taken_where_it_answers(fake: Fake, index: str) -> None:
    assert fake.install("cpu", index).returncode == 0
    (line,) = fake.installed
    assert f"--index-url {index}" in line
    assert "--no-deps" in line


def test_otherwise_pip_is_asked_and_a_cpu_build_is_taken(fake: Fake) -> None:
    fake.pip_would_take("filelock", "sympy>=1.13")
    assert fake.install("cpu").returncode == 0
    (line,) = fake.installed
    assert "--index-url" not in line
    assert "torch==2.13.0" in line


@pytest.mark.skipif(platform.machine() != "x86_64", reason="PyPI's torch has CUDA on x86_64 only")
def test_a_cuda_build_is_refused_with_what_to_do(fake: Fake) -> None:
    fake.pip_would_take("filelock", 'nvidia-cublas-cu13==13.0; platform_system == "Linux"')
    result = fake.install("cpu")
    assert result.returncode == 1
    assert "TORCH=cuda" in result.stderr
    assert fake.installed == []


def test_cuda_is_taken_when_it_is_asked_for(fake: Fake) -> None:
    assert fake.install("cuda").returncode == 0
    former, line = fake.installed
    assert "uninstall" in former
    assert "--no-deps" not in line


def test_none_installs_nothing(fake: Fake) -> None:
    assert fake.install("none").returncode == 0
    assert fake.installed == []


def test_another_word_is_refused(fake: Fake) -> None:
    result = fake.install("gpu")
    assert (result.returncode, result.stderr) == (2, "TORCH=gpu: wanted cpu, cuda or none\n")
