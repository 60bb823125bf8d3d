"""A program that only might read poses pays nearly nothing for it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, time
began = time.process_time()
import ghostpose.client
took = time.process_time() - began
heavy = {"torch", "cv2", "numpy", "redis", "openvino", "scipy", "numba", "pydantic"}
print(took, ",".join(sorted(heavy & sys.modules.keys())))
ghostpose.client.PoseReader
print(",".join(sorted({"torch", "cv2", "openvino"} & sys.modules.keys())))
"""


def test_the_client_imports_fast_and_without_the_heavy() -> None:
    """Processor time, the best of three: other programs on this machine don't count."""
    took, heavy = min(_import_once() for _ in range(3))
    assert took < 0.150
    assert heavy == ""


def test_reading_needs_neither_torch_nor_opencv(server) -> None:
    program = f"""
import sys
from ghostpose.client import PoseReader
with PoseReader({server.url!r}) as reader:
    reader.read(0)
print(sorted({{"torch", "cv2", "openvino", "scipy", "numba", "pydantic"}} & sys.modules.keys()))
"""
    assert _run(program) == "[]\n"


def _import_once() -> tuple[float, str]:
    took, heavy = _run(PROGRAM).split("\n")[0].split(" ")
    return float(took), heavy


def _run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
