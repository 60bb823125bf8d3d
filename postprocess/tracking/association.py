"""Who is whom: tracks matched with people in four rounds, and who of those left over is new.

Shape legend: n tracks; p people; m matches; np, mp = every one with every person; r the rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from postprocess.grouping.kernel import kernel
from postprocess.tracking.matching import match_rounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from postprocess.tracking.affinity import Affinity
    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Doubles, Floats, Indices, Longs, Sightings, Tracks


def associate(
    tracks: Tracks, seen: Sightings, alike: Affinity, media_time: float, options: TrackerOptions
) -> tuple[Indices, Indices]:
    """Return matched tracks and people, two arrays of one length."""
    rounds_rnp = _rounds(
        alike.expected_np,
        alike.possible_np,
        tracks.number_n,
        media_time - tracks.seen_at_n,
        seen.score_p,
        options.confident_score,
        options.fresh_s,
        options.min_affinity,
        options.weak_affinity,
    )
    return match_rounds(rounds_rnp)


@kernel
def _rounds(
    expected_np: Floats,
    possible_np: Floats,
    number_n: Longs,
    absent_n: Doubles,
    score_p: Floats,
    confident_score: float,
    fresh_s: float,
    least: float,
    weak_least: float,
) -> Floats:
    """Return each round's affinities (r, n, p), 0 where the round may not match.

    Confident people with numbered tracks where these are expected; weak people with those that are
    fresh; confident people with numbered tracks that may be there; and with tentative tracks.
    """
    rounds_rnp = np.zeros((4, len(number_n), len(score_p)), np.float32)
    for n in range(len(number_n)):
        for p in range(len(score_p)):
            expected, possible = expected_np[n, p], possible_np[n, p]
            if score_p[p] < confident_score:
                if number_n[n] > 0 and absent_n[n] <= fresh_s and expected >= weak_least:
                    rounds_rnp[1, n, p] = expected
            elif number_n[n] > 0:
                rounds_rnp[0, n, p] = expected if expected >= least else 0
                rounds_rnp[2, n, p] = possible if possible >= least else 0
            elif expected >= least:
                rounds_rnp[3, n, p] = expected
    return rounds_rnp


def newcomers(
    seen: Sightings, expected_mp: Floats, person: Indices, options: TrackerOptions
) -> Indices:
    """Return who of those left over may be somebody new; `person[m]` was matched with track m.

    Those are confident, and no second skeleton of a body that a stronger one was found of: they
    don't fit a matched track themselves.
    """
    new_p: NDArray[np.bool_] = seen.score_p >= options.confident_score
    new_p[person] = False
    others = np.flatnonzero(new_p)
    if not len(others):
        return others
    fits_mp = expected_mp[:, others] >= options.second_skeleton
    weaker_mp = seen.score_p[others] < seen.score_p[person][:, None]
    return others[~(fits_mp & weaker_mp).any(0)]
