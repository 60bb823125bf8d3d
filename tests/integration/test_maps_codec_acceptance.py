"""Grouping finds the same people in maps that a codec sent, their key points where they were.

On the clip of the repository; and, where they are, on val pictures with the teacher and with the
weights that ghostpose comes with: every twentieth picture, or all with `GHOSTPOSE_ALL_VAL=1`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from ghostpose.codec.maps import decode_maps, encode_maps
from postprocess.grouping import GroupingOptions, group
from workers.engines import create_engine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghostpose.types import ByteArray, FloatArray, Maps, MapsCodec
    from workers.engines import Engine

CLIP = Path(__file__).parents[2] / "docs/media/vtest-cut.mp4"
DATA = Path(__file__).parents[3] / "shared/data"
TEACHER = DATA / "teacher/lightweight-openpose-int8.xml"
HEIGHT_PX = 368
WITHIN_PX = 0.5
EVERY = 1 if os.environ.get("GHOSTPOSE_ALL_VAL") else 20

needs_val = pytest.mark.skipif(
    not (TEACHER.exists() and (DATA / "val/images").is_dir()),
    reason="needs ../shared/data, not shipped",
)


@dataclass
class Comparison:
    """How far grouping agrees on maps before and after a codec."""

    pictures: int = 0
    people: int = 0
    other_number: int = 0
    """Pictures with another number of people after."""
    keypoints: int = 0
    kept: int = 0
    """Key points found again within half a pixel in the same person."""
    bytes_sent: int = 0

    def add(self, maps: Maps, codec: MapsCodec) -> None:
        data = encode_maps(maps, codec)
        before_pk3 = group(maps, GroupingOptions()).keypoints_pk3
        after_pk3 = group(decode_maps(data), GroupingOptions()).keypoints_pk3
        self.pictures += 1
        self.people += len(before_pk3)
        self.other_number += len(before_pk3) != len(after_pk3)
        self.bytes_sent += len(data)
        for person_k3 in before_pk3:
            self.keypoints += int((person_k3[:, 2] > 0).sum())
            self.kept += max((_kept(person_k3, other_k3) for other_k3 in after_pk3), default=0)

    @property
    def kept_share(self) -> float:
        return self.kept / self.keypoints


def _kept(before_k3: FloatArray, after_k3: FloatArray) -> int:
    both = (before_k3[:, 2] > 0) & (after_k3[:, 2] > 0)
    apart = np.linalg.norm((before_k3 - after_k3)[:, :2], axis=1)
    return int((both & (apart <= WITHIN_PX)).sum())


def compare(maps: Iterable[Maps], codec: MapsCodec) -> Comparison:
    comparison = Comparison()
    for of_one_picture in maps:
        comparison.add(of_one_picture, codec)
    return comparison


def infer(engine: Engine, pictures: Iterable[ByteArray]) -> list[Maps]:
    return [engine.infer([fit(image_hw3)])[0] for image_hw3 in pictures]


def fit(image_hw3: ByteArray) -> ByteArray:
    """Return the picture at the default height, padded to multiples of the stride."""
    height, width = image_hw3.shape[:2]
    wide = round(width * HEIGHT_PX / height)
    resized = cv2.resize(image_hw3, (wide, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(resized, 0, 0, 0, -wide % 8, cv2.BORDER_CONSTANT, value=(128,) * 3)


@pytest.fixture(scope="module")
def ours() -> Engine:
    return create_engine("openvino", precision="f32")


@pytest.fixture(scope="module")
def teacher() -> Engine:
    return create_engine("openvino", weights=TEACHER, precision="f32", paf_offset_cells=0.4375)


@pytest.fixture(scope="module")
def clip_maps(ours: Engine) -> list[Maps]:
    with av.open(str(CLIP)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return infer(ours, frames[::12])


def val_pictures() -> Iterable[ByteArray]:
    for path in sorted((DATA / "val/images").iterdir())[::EVERY]:
        yield cv2.imread(str(path), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("codec", ["compact", "float16"])
def test_on_the_clip_the_same_people_are_found(clip_maps: list[Maps], codec: MapsCodec) -> None:
    comparison = compare(clip_maps, codec)
    assert comparison.people >= 20
    assert comparison.other_number == 0
    assert comparison.kept_share >= 0.99


def test_compact_maps_take_a_tenth_of_float16(clip_maps: list[Maps]) -> None:
    compact, half = (compare(clip_maps[:5], codec) for codec in ("compact", "float16"))
    assert compact.bytes_sent < half.bytes_sent / 10


@pytest.mark.data
@needs_val
@pytest.mark.timeout(600)
@pytest.mark.parametrize("network", ["teacher", "ours"])
def test_on_val_pictures_the_same_people_are_found(
    request: pytest.FixtureRequest, network: str
) -> None:
    """Among all 400 one may differ: in a crowd of 80, who belongs to whom is a close call."""
    maps = infer(request.getfixturevalue(network), val_pictures())
    for codec in ("compact", "float16"):
        comparison = compare(maps, codec)
        assert comparison.people >= len(maps)
        assert comparison.other_number <= len(maps) / 400
        assert comparison.kept_share >= 0.99


def test_the_comparison_notices_half_a_pixel(clip_maps: list[Maps]) -> None:
    found_pk3 = group(clip_maps[0], GroupingOptions()).keypoints_pk3
    shift = np.array([WITHIN_PX * 1.2, 0, 0], np.float32)
    assert len(found_pk3) > 0
    assert _kept(found_pk3[0], found_pk3[0]) >= 3
    assert _kept(found_pk3[0], found_pk3[0] + shift) == 0
