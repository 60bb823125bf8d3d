"""The demo's cameras: one clip played as four, so that a whole deployment is seen at work."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ghostpose.config import CameraConfig, GhostposeConfig, InferenceConfig
from ghostpose.errors import ConfigError

CLIP: Final = Path(__file__).parents[1] / "docs" / "media" / "vtest-cut.mp4"

HEIGHT_PX: Final = 576
"""People are small in the clip's 576 rows: the network needs them all."""

CAMERAS: Final[dict[str, dict[str, object]]] = {
    "half-rate": {"fps": 5.0},
    "middle": {"start_s": 8.0},
    "mirrored": {"start_s": 14.0, "mirror": True},
    "late": {"start_s": 18.0},
}
"""What makes each camera differ: where it starts, how it looks, how fast it is."""


def demo_config(clip: Path | None, inference: InferenceConfig) -> GhostposeConfig:
    """Return a configuration that plays `clip` (none = the one that comes with the source).

    Raises:
        ConfigError: the clip isn't there.
    """
    path = clip or CLIP
    if not path.exists():
        hint = "" if clip else "; it comes with the source tree: give another by --clip FILE"
        raise ConfigError(f"the demo's clip {path} is not there{hint}")
    cameras = tuple(
        CameraConfig.model_validate(
            {"name": name, "source": str(path), "policy": "every", "height": HEIGHT_PX, **own}
        )
        for name, own in CAMERAS.items()
    )
    return GhostposeConfig(cameras=cameras, inference=inference)
