"""Compiled kernels are kept where they can be, and work where they can't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from postprocess.grouping.kernel import as_input

MODULE = """
import logging
logging.basicConfig(format="%(message)s")
from postprocess.grouping.kernel import kernel

@kernel
def double(number):
    return 2 * number

print(double(21))
"""


def run_module(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (directory / "doubling.py").write_text(MODULE)
    root = Path(__file__).parents[3]
    return subprocess.run(
        [sys.executable, "doubling.py"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )


def test_machine_code_is_kept_where_the_user_says(tmp_path: Path) -> None:
    done = run_module(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "kept"))
    assert done.stdout == "42\n"
    assert list((tmp_path / "kept").rglob("*.nbc"))


def test_without_a_place_for_machine_code_kernels_work_and_say_so(tmp_path: Path) -> None:
    # Numba is told to look for a place only where source comes from a zip file: there is none.
    done = run_module(tmp_path, NUMBA_CACHE_LOCATOR_CLASSES="ZipCacheLocator")
    assert done.stdout == "42\n"
    assert "Compiling double anew in each process" in done.stderr


def test_inputs_are_contiguous_and_read_only_and_copied_only_if_needed() -> None:
    array = np.zeros((3, 4), np.float32)
    view = as_input(array)
    assert np.shares_memory(view, array)
    assert not view.flags.writeable
    assert array.flags.writeable
    assert as_input(array.T).flags.c_contiguous
