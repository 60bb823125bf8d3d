"""`make bench`: what ghostpose costs and carries on this machine, beside its references.

    python -m benchmarks [SECTION ...] [--full] [--write PAGE]

Nothing else should run meanwhile; the machine's load is noted, so that figures can be judged. All
sections together write `benchmarks/results/latest.json` and `docs/media/performance.svg`; `--full`
takes longer and writes `full.json` and `full.svg`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.page import written
from benchmarks.sections import FULL_SECTIONS, SECTIONS, lines_of, run_section

RESULTS = Path(__file__).parent / "results"
FIGURE = Path(__file__).parents[1] / "docs" / "media" / "performance.svg"
TITLES = {**SECTIONS, **FULL_SECTIONS}


def main() -> int:
    """Run what was asked for; return 1 if a section failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(TITLES))
    parser.add_argument("--full", action="store_true", help="longer, with sweeps")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    given = parser.parse_args()
    names = given.sections or list(TITLES if given.full else SECTIONS)
    if unknown := set(names) - TITLES.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    results, tables = measured(names, full=given.full)
    if not given.sections and None not in results.values():
        tables += conclusions(results)
        keep(results, full=given.full)
    if given.write:
        given.write.write_text(written(given.write.read_text(), tables))
    return int(None in results.values())


def measured(names: list[str], *, full: bool) -> tuple[dict[str, Any], list[str]]:
    """Run sections, printing each one's tables; return all results and tables."""
    results: dict[str, Any] = {"machine": machine.describe()}
    tables = [f"Machine: {machine.short(results['machine'])}.", ""]
    print(tables[0], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            begun_s = time.monotonic()
            results[name] = run_section(name, Path(folder), full=full)
            shown = ["", f"### {TITLES[name]}", "", *lines_of(name, results[name])]
            print("\n".join(shown), f"\n\n({time.monotonic() - begun_s:.0f} s)", flush=True)
            tables += shown
    return results, tables


def conclusions(results: dict[str, Any]) -> list[str]:
    """Add ratios, unit costs and the planner's prediction; print them, and return the tables."""
    from benchmarks import ratios, unit_costs

    results["ratios"] = ratios.all_ratios(results)
    costs = unit_costs.unit_costs(results)
    results["unit_costs"] = costs.model_dump()
    results["prediction"] = unit_costs.prediction(costs, results)
    tables = ["", "### What planning reckons with", ""]
    tables += unit_costs.lines(costs, results["prediction"])
    tables += ["", "### Targets", "", *ratios.lines(results["ratios"])]
    print("\n".join(tables))
    return tables


def keep(results: dict[str, Any], *, full: bool) -> None:
    """Write results, and plots of them."""
    from benchmarks.plots import draw

    name = "full" if full else "latest"
    table, figure = RESULTS / f"{name}.json", RESULTS / "full.svg" if full else FIGURE
    RESULTS.mkdir(exist_ok=True)
    table.write_text(json.dumps(results, indent=1) + "\n")
    draw(results, figure)
    print(f"\nwritten: {table}, {figure}")


if __name__ == "__main__":
    sys.exit(main())
