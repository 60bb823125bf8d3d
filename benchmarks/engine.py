"""Networks by runtime and precision, and how near they come to what the machine can do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import networks, roofline
from benchmarks.network_files import export_all


def measure(*, full: bool) -> dict[str, Any]:
    """Return the tables of `networks` and of `roofline`."""
    with tempfile.TemporaryDirectory() as folder:
        export_all(Path(folder))
        return {
            **networks.measure(Path(folder), full=full),
            "roofline": roofline.measure(Path(folder)),
        }


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return the targets that this section answers."""
    return networks.ratios(result)


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    return [*networks.lines(result), "", *roofline.lines(result["roofline"])]
