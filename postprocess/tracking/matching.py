"""One-to-one matching of greatest total affinity (Hungarian)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postprocess.tracking.tracks import Floats, Indices


def match(affinity_np: Floats) -> tuple[Indices, Indices]:
    """Return matched rows and columns, two arrays of one length; affinities of 0 never match."""
    row, column = linear_sum_assignment(affinity_np, maximize=True)
    kept = affinity_np[row, column] > 0
    return row[kept], column[kept]


def match_rounds(rounds: Iterable[Floats]) -> tuple[Indices, Indices]:
    """As `match`, over several affinities of one shape: each matches what the ones before left."""
    rows: Indices = np.zeros(0, np.intp)
    columns: Indices = np.zeros(0, np.intp)
    for affinity_np in rounds:
        open_np = affinity_np.copy()
        open_np[rows] = 0
        open_np[:, columns] = 0
        if not open_np.any():
            continue
        row, column = match(open_np)
        rows, columns = np.concatenate([rows, row]), np.concatenate([columns, column])
    return rows, columns
