"""One-to-one matching of greatest total affinity (Hungarian), with a floor under each pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postprocess.tracking.tracks import Floats, Indices


def match(affinity_np: Floats, least: float) -> tuple[Indices, Indices]:
    """Return matched rows and columns, two arrays of one length.

    Pairs below `least` gain nothing, so they never push out a pair that is worth more.
    """
    gain_np = np.where(affinity_np >= least, affinity_np, np.float32(0))
    row, column = linear_sum_assignment(gain_np, maximize=True)
    kept = gain_np[row, column] > 0
    return row[kept], column[kept]


def match_rounds(rounds: Iterable[Floats], least: float) -> tuple[Indices, Indices]:
    """As `match`, over several affinities of one shape: each matches what the ones before left."""
    rows, columns = [], []
    taken_row: Indices = np.zeros(0, np.intp)
    taken_column: Indices = np.zeros(0, np.intp)
    for affinity_np in rounds:
        open_np = affinity_np.copy()
        open_np[taken_row] = 0
        open_np[:, taken_column] = 0
        row, column = match(open_np, least)
        rows.append(row)
        columns.append(column)
        taken_row, taken_column = np.concatenate(rows), np.concatenate(columns)
    return taken_row, taken_column
