"""How much the bus keeps of what nothing else bounds."""

from __future__ import annotations

from typing import Final

POSES_KEPT: Final = 20_000
"""Pose messages kept a camera, about: half an hour at 10 frames a second, some 30 MB."""

POSES_KEPT_S: Final = 3_600.0
"""Seconds that pose messages are kept, about."""

EVENTS_KEPT: Final = 10_000
"""Events kept a camera, about."""

EVENTS_KEPT_S: Final = 7 * 86_400.0
"""Seconds that events are kept, about."""

DEAD_KEPT: Final = 1_000
"""Dead letters kept a partition, about."""

DEAD_PAYLOAD_BYTES: Final = 256 * 2**10
"""Bytes kept of each field of a dead letter."""
