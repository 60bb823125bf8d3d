from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource, sys
import numpy as np
from ghostpose.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for frame in range(20):
    if frame == 10:
        before = faults()
    arrays = [np.ones(7_000_000, np.uint8) for _ in range(3)]
    del arrays
print(faults() - before)
"""


def test_what_was_freed_is_there_for_the_next_picture() -> None:
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", PROGRAM, how]))
        for how in ("kept", "given back")
    }
    assert faults["kept"] < faults["given back"] / 5, faults
