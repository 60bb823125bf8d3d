"""From a decoded picture to the network's: region of interest, mirror, resize.

Order of meaning: the picture is mirrored first, then the region is cut out, then it is resized to
the network height. So regions, results and everything drawn are in pixels of the mirrored picture.
(In fact the small picture is flipped last, which is the same and cheaper.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.codec.maps import MAX_MAP_CELLS
from ghostpose.errors import SourceError
from ghostpose.skeleton import STRIDE
from ghostpose.types import MAX_SIDE_PX, Placement

if TYPE_CHECKING:
    from ghostpose.config import CameraConfig, Region
    from ghostpose.types import ByteArray
    from ingest.sources.protocol import Picture


PREPARES: Final = frozenset(
    {
        *("height", "region", "mirror", "picture", "quality", "max_age_ms"),
        *("zones", "lines", "postures", "ground"),
    }
)
"""Settings that may change within a session: they matter for one picture at a time, or to
post-processing alone."""


def only_prepares(former: CameraConfig, camera: CameraConfig) -> bool:
    """Return whether two settings of a camera differ only in what may change within a session."""
    prepares = set(PREPARES) | ({"fps"} if _rate_is_ours(camera) else set())
    return former.model_dump(exclude=prepares) == camera.model_dump(exclude=prepares)


def _rate_is_ours(camera: CameraConfig) -> bool:
    """Return whether `fps` only chooses among the pictures that come.

    At that rate a snapshot is fetched, which a whole address that is looked up may be; and a
    recording that is played otherwise is another one.
    """
    fetched = camera.source.startswith(("snapshot:", "${"))
    return camera.reopens and not camera.loop and not fetched


def fit_height(source_w: int, source_h: int, height: int) -> tuple[int, int]:
    """Return width and height of a picture resized to `height` rows, aspect ratio kept."""
    return max(1, round(source_w * height / source_h)), height


@dataclass(frozen=True, slots=True)
class Plan:
    """How pictures of one size are prepared.

    `width` and `height` are the network picture's; `crop` is left, top, width, height in the
    picture as it was decoded (before mirroring), None for all of it; `placement` leads from the
    network picture to the (mirrored) source picture.
    """

    width: int
    height: int
    crop: Region | None
    mirror: bool
    placement: Placement


def plan_for(camera: CameraConfig, source_w: int, source_h: int) -> Plan:
    """Plan for pictures of `source_w` x `source_h`.

    Raises:
        SourceError: the region isn't inside the picture, or the result would be too large.
    """
    left, top, region_w, region_h = _region_inside(camera, source_w, source_h)
    width, height = fit_height(region_w, region_h, camera.height)
    if width > MAX_SIDE_PX or source_w > MAX_SIDE_PX or source_h > MAX_SIDE_PX:
        raise SourceError(
            f"camera {camera.name}: a picture of {source_w}x{source_h} at height {height} is"
            f" {width} wide; no side may be over {MAX_SIDE_PX}"
        )
    # The network pads to whole cells. This bounds the pixels too: they are fewer than a picture's.
    cells = -(-width // STRIDE) * -(-height // STRIDE)
    if cells > MAX_MAP_CELLS:
        raise SourceError(
            f"camera {camera.name}: a picture of {region_w}x{region_h} at height {height} is"
            f" {width} wide: {cells} map cells, and at most {MAX_MAP_CELLS} can be sent; give it a"
            " smaller height or a narrower region"
        )
    decoded_left = source_w - left - region_w if camera.mirror else left
    whole = (region_w, region_h) == (source_w, source_h)
    return Plan(
        width,
        height,
        crop=None if whole else (decoded_left, top, region_w, region_h),
        mirror=camera.mirror,
        placement=Placement(region_w / width, region_h / height, left, top),
    )


def _region_inside(camera: CameraConfig, source_w: int, source_h: int) -> Region:
    if camera.region is None:
        return 0, 0, source_w, source_h
    left, top, width, height = camera.region
    if left + width > source_w or top + height > source_h:
        raise SourceError(
            f"camera {camera.name}: region {left},{top} {width}x{height} is not inside its"
            f" {source_w}x{source_h} picture; give x, y, width, height in pixels of it"
        )
    return camera.region


def prepare(picture: Picture, plan: Plan) -> ByteArray:
    """Return the network picture: uint8 (plan.height, plan.width, 3) BGR; rows may lie apart."""
    if plan.crop is None:
        image_hw3 = picture.pixels(plan.width, plan.height)
    else:
        left, top, width, height = plan.crop
        whole_hw3 = picture.pixels(picture.width, picture.height)
        image_hw3 = resize(
            whole_hw3[top : top + height, left : left + width], plan.width, plan.height
        )
    # OpenCV reads rows that lie apart, as FFmpeg leaves them, but none that run backwards.
    return np.ascontiguousarray(image_hw3[:, ::-1]) if plan.mirror else image_hw3


def resize(image_hw3: ByteArray, width: int, height: int) -> ByteArray:
    """Resize by area when shrinking (nothing between the samples is lost), else bilinear."""
    source_h, source_w = image_hw3.shape[:2]
    if (source_w, source_h) == (width, height):
        return image_hw3
    shrinks = width <= source_w and height <= source_h
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image_hw3, (width, height), interpolation=how).astype(np.uint8, copy=False)
