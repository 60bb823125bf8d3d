"""People in single pictures, without a server: what `ghostpose pose` does to each file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ghostpose.codec.picture_files import decode_picture_file
from ghostpose.errors import DecodeError, SourceError
from ghostpose.types import MAX_SIDE_PX, Placement, PoseMessage, Timings
from ingest.prepare import fit_height, resize
from postprocess.grouping import group, to_people
from workers.engines.padding import pad_to_stride

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.types import ByteArray
    from postprocess.grouping import GroupingOptions
    from workers.engines import Engine

MAX_FILE_BYTES: Final = 200_000_000
"""A larger file is refused before it is read."""

CAMERA: Final = "picture"
"""Stands for the camera that a single picture doesn't have."""


@dataclass(frozen=True, slots=True)
class PictureResult:
    """A picture's pixels and its people; of the message, camera and session mean nothing."""

    image_hw3: ByteArray
    message: PoseMessage


def find_people(path: Path, engine: Engine, height: int, options: GroupingOptions) -> PictureResult:
    """Return the people of a picture file, looked for at the network height `height`.

    `captured_at` is when the file was last changed.

    Raises:
        SourceError: it is missing, too large, or no picture.
    """
    begun_s = time.perf_counter()
    image_hw3 = read_picture(path)
    source_h, source_w = image_hw3.shape[:2]
    width, _ = fit_height(source_w, source_h, height)
    if width > MAX_SIDE_PX:
        raise SourceError(
            f"picture {path}: at height {height} it is {width} pixels wide, over {MAX_SIDE_PX}"
        )
    small_hw3 = resize(image_hw3, width, height)
    ready_s = time.perf_counter()
    (maps,) = engine.infer([pad_to_stride(small_hw3)])
    inferred_s = time.perf_counter()
    placement = Placement(source_w / width, source_h / height)
    people = to_people(
        group(maps, options), placement, source_w, source_h, min_keypoints=options.min_keypoints
    )
    timings = Timings(
        decode=1000 * (ready_s - begun_s),
        inference=1000 * (inferred_s - ready_s),
        grouping=1000 * (time.perf_counter() - inferred_s),
    )
    changed_at = path.stat().st_mtime
    message = PoseMessage(CAMERA, 0, 0, changed_at, 0.0, source_w, source_h, people, timings)
    return PictureResult(image_hw3, message)


def read_picture(path: Path) -> ByteArray:
    """Return the picture as uint8 BGR (h, w, 3), turned as its EXIF says.

    Raises:
        SourceError: it is missing, too large, or no picture.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise SourceError(f"picture {path}: {size} bytes, at most {MAX_FILE_BYTES} are read")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"picture {path} can't be read: {error.strerror}") from error
    try:
        return decode_picture_file(data)
    except DecodeError as error:
        raise SourceError(f"picture {path} can't be decoded: {error}") from error
