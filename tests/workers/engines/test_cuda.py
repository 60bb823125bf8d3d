"""What only a machine with CUDA can show; everything here is skipped elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workers.engines import create_engine

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]


def test_auto_takes_cuda_in_half_precision() -> None:
    engine = create_engine()
    assert (engine.name, engine.device, engine.precision) == ("torch", "cuda:0", "f16")


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 5e-3), ("f16", 3e-2)])
def test_cuda_maps_are_close_to_the_cpu_ones(
    people: list[np.ndarray], precision: str, tolerance: float
) -> None:
    cuda = create_engine("torch", device="cuda", precision=precision).infer(people)
    cpu = create_engine("torch", device="cpu").infer(people)
    for one, other in zip(cuda, cpu, strict=True):
        np.testing.assert_allclose(one.pcm_chw, other.pcm_chw, atol=tolerance, rtol=0)
        np.testing.assert_allclose(one.paf_chw, other.paf_chw, atol=tolerance, rtol=0)


def test_deterministic_cuda_repeats_bit_for_bit(people: list[np.ndarray]) -> None:
    first, second = (
        create_engine("torch", device="cuda", deterministic=True).infer(people) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.pcm_chw, other.pcm_chw)
        assert np.array_equal(one.paf_chw, other.paf_chw)
