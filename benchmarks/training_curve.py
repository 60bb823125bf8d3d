"""Draws docs/media/training-curve.svg from docs/training-log.csv: AP over the crops seen.

.venv/bin/python -m benchmarks.training_curve
"""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

DOCS = Path(__file__).parents[1] / "docs"


def lineage(legs: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Return the legs that led to the one shipped, oldest first."""
    chain = [leg for leg in legs.values() if leg["shipped"] == "yes"]
    while chain[0]["start"] in legs:
        chain.insert(0, legs[chain[0]["start"]])
    return chain


def main() -> None:
    mpl.rcParams["svg.hashsalt"] = "ghostpose"  # equal logs give equal files
    with (DOCS / "training-log.csv").open(encoding="utf-8") as stream:
        legs = {f"leg {row['leg']}": row for row in csv.DictReader(stream)}
    chain = lineage(legs)
    crops = [0]
    for leg in chain:
        crops.append(crops[-1] + int(leg["crops"]))
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for column, label in (("ap_selection", "selection"), ("ap_val", "val")):
        points = [
            (seen / 1000, 100 * float(leg[column]))
            for seen, leg in zip(crops[1:], chain, strict=True)
            if leg[column]
        ]
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    for (first, last), leg in zip(pairwise(crops), chain, strict=True):
        axes.annotate(
            f"leg {leg['leg']}",
            ((first + last) / 2000, axes.get_ylim()[0]),
            ha="center",
            va="bottom",
            fontsize=8,
        )
        axes.axvline(last / 1000, color="0.85", zorder=0)
    axes.set_xlim(0, None)
    axes.set_xlabel("crops seen, thousands")
    axes.set_ylabel("AP of key points, %")
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(DOCS / "media" / "training-curve.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
