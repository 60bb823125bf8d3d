"""One-to-one matching of greatest total affinity (Hungarian)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from postprocess.grouping.kernel import kernel
from postprocess.grouping.matching import heaviest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postprocess.tracking.tracks import Floats, Indices


def match(affinity_np: Floats) -> tuple[Indices, Indices]:
    """Return matched rows and columns, two arrays of one length; affinities of 0 never match."""
    row, column = np.nonzero(affinity_np)
    chosen = heaviest(row, column, affinity_np[row, column])
    return row[chosen], column[chosen]


def match_rounds(rounds: Iterable[Floats]) -> tuple[Indices, Indices]:
    """As `match`, over several affinities of one shape: each matches what the ones before left.

    What is taken by then becomes 0 in the later ones.
    """
    rows: Indices = np.zeros(0, np.intp)
    columns: Indices = np.zeros(0, np.intp)
    for affinity_np in rounds:
        if _is_open_without(affinity_np, rows, columns):
            row, column = match(affinity_np)
            rows, columns = np.concatenate([rows, row]), np.concatenate([columns, column])
    return rows, columns


@kernel
def _is_open_without(affinity_np: Floats, rows: Indices, columns: Indices) -> bool:
    """Take rows and columns out; return whether anything is left."""
    for n in rows:
        affinity_np[n] = 0
    for p in columns:
        affinity_np[:, p] = 0
    return bool((affinity_np > 0).any())
