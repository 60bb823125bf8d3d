"""Both engines give the network's maps, for real pictures, in any number and size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ghostpose.errors import InvalidValueError
from workers.engines import Engine, create_engine

if TYPE_CHECKING:
    from ghostpose.types import Maps

REFERENCE = Path(__file__).parents[2] / "ghostpose/network/reference.npz"


@pytest.fixture(scope="module", params=["openvino", "torch"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return create_engine(request.param, device="cpu", precision="f32", threads=1)


def assert_close(got: Maps, wanted: Maps, tolerance: float) -> None:
    np.testing.assert_allclose(got.pcm_chw, wanted.pcm_chw, atol=tolerance, rtol=0)
    np.testing.assert_allclose(got.paf_chw, wanted.paf_chw, atol=tolerance, rtol=0)


def test_maps_are_those_of_the_reference(engine: Engine) -> None:
    reference = np.load(REFERENCE)
    (maps,) = engine.infer([reference["image"]])
    np.testing.assert_allclose(maps.pcm_chw, reference["pcm"], atol=5e-3, rtol=0)
    np.testing.assert_allclose(maps.paf_chw, reference["paf"], atol=5e-3, rtol=0)
    assert maps.paf_offset_cells == engine.paf_offset_cells


def test_maps_of_several_pictures_are_those_of_each_in_order(
    engine: Engine, people: list[np.ndarray]
) -> None:
    together = engine.infer(people)
    assert len(together) == len(people)
    for maps, image in zip(together, people, strict=True):
        assert_close(maps, engine.infer([image])[0], 1e-4)
    assert not np.allclose(together[0].pcm_chw, together[1].pcm_chw, atol=0.05)


def test_maps_are_the_same_before_and_after_the_network_for_several_pictures_is_there(
    people: list[np.ndarray],
) -> None:
    engine = create_engine("openvino", device="cpu", precision="f32", threads=2, batch=3)
    before = engine.infer(people)
    engine.warm_up(*people[0].shape[:2], batch=3)
    for earlier, later in zip(before, engine.infer(people), strict=True):
        assert_close(later, earlier, 1e-4)


def test_calls_from_several_threads_do_not_mix(people: list[np.ndarray]) -> None:
    """Of two sizes, compiled for meanwhile, and from more threads than there are lanes."""
    engine = create_engine("openvino", device="cpu", precision="f32", threads=2, batch=3)
    small = [np.ascontiguousarray(image[:160, :160]) for image in people]
    calls = [people, small] * 6
    alone = {id(images): [engine.infer([image])[0] for image in images] for images in calls[:2]}
    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(engine.infer, calls))
    for images, maps in zip(calls, given, strict=True):
        for one, expected in zip(maps, alone[id(images)], strict=True):
            assert_close(one, expected, 1e-4)


@pytest.mark.parametrize("size_hw", [(8, 8), (64, 72), (72, 64)])
def test_maps_have_one_cell_for_8_pixels(engine: Engine, size_hw: tuple[int, int]) -> None:
    (maps,) = engine.infer([np.zeros((*size_hw, 3), np.uint8)])
    assert maps.input_size_px == size_hw


def test_no_pictures_give_no_maps(engine: Engine) -> None:
    assert engine.infer([]) == []


def test_a_size_that_is_no_multiple_of_8_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidValueError, match="multiples of 8"):
        engine.infer([np.zeros((60, 64, 3), np.uint8)])


def test_read_only_and_strided_pictures_are_taken(engine: Engine, people: list[np.ndarray]) -> None:
    image = people[0][:64, :64]
    frozen = np.frombuffer(image.tobytes(), np.uint8).reshape(image.shape)
    strided, plain = engine.infer([image, np.ascontiguousarray(image)])
    assert_close(strided, plain, 0.0)
    assert_close(engine.infer([frozen])[0], plain, 1e-4)


def test_maps_stay_as_they_are_when_the_engine_goes_on(
    engine: Engine, people: list[np.ndarray]
) -> None:
    (maps,) = engine.infer(people[:1])
    before = maps.pcm_chw.copy()
    engine.infer(people[1:])
    assert np.array_equal(maps.pcm_chw, before)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_paf_offset_can_be_overridden(name: str) -> None:
    engine = create_engine(name, device="cpu", paf_offset_cells=0.125)
    (maps,) = engine.infer([np.zeros((8, 8, 3), np.uint8)])
    assert maps.paf_offset_cells == 0.125


def test_engines_agree_on_real_pictures(people: list[np.ndarray]) -> None:
    openvino, torch = (
        create_engine(name, device="cpu", precision="f32", threads=1).infer(people)
        for name in ("openvino", "torch")
    )
    for one, other in zip(openvino, torch, strict=True):
        # Apart by the exported network's second rounding to float16.
        assert_close(one, other, 1e-2)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_deterministic_engines_repeat_bit_for_bit_whatever_comes_together(
    name: str, people: list[np.ndarray]
) -> None:
    first, second = (
        create_engine(name, device="cpu", deterministic=True, batch=batch) for batch in (1, 3)
    )
    assert first.precision == "f32"
    together = second.infer(people)
    for image, maps in zip(people, together, strict=True):
        (alone,) = first.infer([image])
        assert np.array_equal(alone.pcm_chw, maps.pcm_chw)
        assert np.array_equal(alone.paf_chw, maps.paf_chw)


def test_openvino_runs_more_pictures_than_it_has_requests(people: list[np.ndarray]) -> None:
    engine = create_engine("openvino", device="cpu", precision="f32", batch=2)
    small = [image[:64, :64] for image in people]
    every = engine.infer(small * 5)
    for index, maps in enumerate(every):
        assert_close(maps, every[index % len(small)], 1e-5)
