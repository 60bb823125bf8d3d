"""Engines and precisions find the same people: 99 % of their key points within a pixel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import torch

from postprocess.grouping import GroupedPeople, GroupingOptions, group
from workers.engines import create_engine
from workers.engines.openvino_core import CORE

if TYPE_CHECKING:
    from workers.engines import Engine

CLIP = Path(__file__).parents[2] / "docs/media/vtest-cut.mp4"

EVERY = 8
"""Two people half behind one another may swap at any rounding: that is 7 key points at once, so
there are to be thousands."""

CLEAR_KEYPOINTS = 6
"""People of fewer key points are fragments at a threshold, which any rounding makes or unmakes."""


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    with av.open(str(CLIP)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)][::EVERY]


@pytest.fixture(scope="module")
def wanted(frames: list[np.ndarray]) -> list[GroupedPeople]:
    """What OpenVINO finds in float32."""
    people = find_people(create_engine("openvino", device="cpu", precision="f32"), frames)
    assert sum(len(clear(found)) for found in people) >= 50
    return people


def find_people(engine: Engine, frames: list[np.ndarray]) -> list[GroupedPeople]:
    return [group(engine.infer([frame])[0], GroupingOptions()) for frame in frames]


def clear(found: GroupedPeople) -> np.ndarray:
    present_pk = found.keypoints_pk3[..., 2] > 0
    return found.keypoints_pk3[present_pk.sum(axis=1) >= CLEAR_KEYPOINTS]


def nearest(person_k3: np.ndarray, people_pk3: np.ndarray) -> np.ndarray:
    """The person whose key points are nearest by the median."""

    def distance(other_k3: np.ndarray) -> float:
        both = (person_k3[:, 2] > 0) & (other_k3[:, 2] > 0)
        apart = np.linalg.norm((person_k3 - other_k3)[both, :2], axis=1)
        return float(np.median(apart)) if both.any() else np.inf

    return min(people_pk3, key=distance)


def compare(one: list[GroupedPeople], other: list[GroupedPeople]) -> tuple[int, int]:
    """How many key points of `one`'s clear people there are, and how many `other` has there."""
    total = same = 0
    for mine, theirs in zip(one, other, strict=True):
        clear_pk3 = clear(mine)
        assert len(theirs.score_p) >= len(clear_pk3)
        for person_k3 in clear_pk3:
            twin_k3 = nearest(person_k3, theirs.keypoints_pk3)
            present = person_k3[:, 2] > 0
            apart = np.linalg.norm((person_k3 - twin_k3)[:, :2], axis=1)
            total += present.sum()
            same += (present & (twin_k3[:, 2] > 0) & (apart <= 1.0)).sum()
    return int(total), int(same)


def assert_same_people(one: list[GroupedPeople], other: list[GroupedPeople]) -> None:
    for first, second in ((one, other), (other, one)):
        total, same = compare(first, second)
        assert same >= 0.99 * total, f"{same} of {total} key points within 1 px"


def test_torch_and_openvino_find_the_same_people(
    frames: list[np.ndarray], wanted: list[GroupedPeople]
) -> None:
    torch.set_num_threads(1)
    assert_same_people(find_people(create_engine("torch", device="cpu"), frames[:2]), wanted[:2])


def test_bf16_finds_the_same_people(frames: list[np.ndarray], wanted: list[GroupedPeople]) -> None:
    if "BF16" not in CORE.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor does not compute bf16 natively")
    engine = create_engine("openvino", device="cpu", precision="bf16")
    assert_same_people(find_people(engine, frames), wanted)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["f16", "bf16"])
def test_cuda_in_half_precision_finds_the_same_people(
    frames: list[np.ndarray], wanted: list[GroupedPeople], precision: str
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device here")
    engine = create_engine("torch", device="cuda", precision=precision)  # type: ignore[arg-type]
    assert_same_people(find_people(engine, frames), wanted)


def test_comparison_notices_a_person_two_pixels_away(wanted: list[GroupedPeople]) -> None:
    shift = np.array([2, 0, 0], np.float32)
    moved = [
        GroupedPeople(
            np.where(found.keypoints_pk3[..., 2:] > 0, found.keypoints_pk3 + shift, 0).astype("f4"),
            found.score_p,
        )
        for found in wanted
    ]
    with pytest.raises(AssertionError, match="within 1 px"):
        assert_same_people(wanted, moved)
