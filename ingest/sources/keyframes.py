"""Which packets of a stream are decoded: all, or only those that stand for themselves.

A picture between two keyframes needs all since the first of them. So where few pictures a second
are wanted, and the keyframes alone are as many, decoding only these costs a tenth or less.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ghostpose.config import Decode

KNOWN_AFTER: Final = 3
"""So many distances between keyframes must have been seen before their rate is believed."""

OFF_SHARE: Final = 0.05
"""How far the rate of every n-th keyframe may be from the rate wanted."""

PLENTY: Final = 5.0
"""With so many keyframes for each picture wanted it doesn't matter which are taken."""


@dataclass(slots=True)
class KeyframeGate:
    """Says of each packet, in order, whether to decode it. Changes its mind at keyframes only.

    `fps` may be set anew at any time, from any thread.
    """

    mode: Decode
    fps: float | None
    keyframes_only: bool = False
    _last_s: float | None = None
    _distances_s: deque[float] = field(default_factory=lambda: deque(maxlen=KNOWN_AFTER))

    def __post_init__(self) -> None:
        self.keyframes_only = self.mode == "keyframes"

    def wants(self, *, is_keyframe: bool, time_s: float | None) -> bool:
        """Return whether to decode a packet of `time_s`, the stream's own time."""
        if is_keyframe and self.mode == "auto" and time_s is not None:
            self._learn(time_s)
            self.keyframes_only = self._are_enough(self.fps)
        return is_keyframe or not self.keyframes_only

    def _learn(self, time_s: float) -> None:
        if self._last_s == time_s:
            return  # one picture in several packets
        if self._last_s is not None:
            self._distances_s.append(time_s - self._last_s)
        self._last_s = time_s

    def _are_enough(self, fps: float | None) -> bool:
        if fps is None or len(self._distances_s) < KNOWN_AFTER or min(self._distances_s) <= 0:
            return False
        return all(suffices(distance_s, fps) for distance_s in self._distances_s)


def suffices(distance_s: float, fps: float) -> bool:
    """Return whether keyframes `distance_s` apart can give `fps` pictures a second, evenly."""
    for_each = 1.0 / (fps * distance_s)
    nearest = round(for_each)
    return for_each >= PLENTY or (nearest >= 1 and abs(for_each - nearest) <= OFF_SHARE * nearest)
