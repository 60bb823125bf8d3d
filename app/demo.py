"""The demo's cameras: one clip played as four, so that a whole deployment is seen at work."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ghostpose.config import CameraConfig, GhostposeConfig, InferenceConfig
from ghostpose.errors import ConfigError
from ingest.sources import probe

CLIP: Final = Path(__file__).parents[1] / "docs" / "media" / "vtest-cut.mp4"

HEIGHT_PX: Final = 576
"""People are small in the clip's 576 rows: the network needs them all."""

CAMERAS: Final[dict[str, dict[str, object]]] = {
    "half-rate": {"fps": 5.0},
    "middle": {},
    "mirrored": {"mirror": True},
    "last": {},
}
"""What makes each camera differ besides where it starts: how it looks, how fast it is."""

STARTS: Final = {"middle": 1 / 3, "mirrored": 7 / 12, "last": 3 / 4}
"""Where in the clip a camera starts that does not start with it, as a share of its length."""

LIVE_CREDIT: Final = 1
"""Frames in flight of a live camera: with more, a slow machine would show what was seconds ago."""


def demo_config(clip: Path | None, inference: InferenceConfig) -> GhostposeConfig:
    """Return a configuration that plays `clip` (none = the one that comes with the source).

    Raises:
        ConfigError: the clip isn't there.
        SourceError: it can't be played.
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
    length_s = probe(cameras[0]).length_s or 0.0
    cameras = tuple(
        camera.model_copy(update={"start_s": round(STARTS.get(camera.name, 0.0) * length_s, 3)})
        for camera in cameras
    )
    return GhostposeConfig(cameras=cameras, inference=inference)


def live_config(config: GhostposeConfig, height: int) -> GhostposeConfig:
    """Return the demo's cameras as live ones: in real time, again and again, at `height` rows."""
    live = {"policy": "latest", "loop": True, "credit": LIVE_CREDIT, "height": height}
    cameras = tuple(camera.model_copy(update=live) for camera in config.cameras)
    return config.model_copy(update={"cameras": cameras})


def live_height(cores: int) -> int:
    """Return a network height at which four live cameras look alive on a machine of `cores`.

    It costs time in proportion to its square: few cores see people less well, but more often.
    """
    return 368 if cores < 4 else 480 if cores < 8 else HEIGHT_PX
