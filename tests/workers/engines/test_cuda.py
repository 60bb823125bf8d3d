"""What only a machine with CUDA can show; everything here is skipped elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from workers.engines import create_engine, cuda_graphs, torch_engine

if TYPE_CHECKING:
    from ghostpose.types import Maps

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]

HALF = 3e-2
"""How far maps in half precision may be from those in float32."""


def assert_close(got: list[Maps], wanted: list[Maps], tolerance: float = HALF) -> None:
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one.pcm_chw, other.pcm_chw, atol=tolerance, rtol=0)
        np.testing.assert_allclose(one.paf_chw, other.paf_chw, atol=tolerance, rtol=0)


@pytest.fixture(scope="module")
def on_cpu(people: list[np.ndarray]) -> list[Maps]:
    """What the CPU says of each."""
    return create_engine("torch", device="cpu").infer(people)


def test_auto_takes_cuda_in_half_precision() -> None:
    engine = create_engine()
    assert (engine.name, engine.device, engine.precision) == ("torch", "cuda:0", "f16")


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 5e-3), ("f16", HALF)])
def test_cuda_maps_are_close_to_the_cpu_ones(
    people: list[np.ndarray], on_cpu: list[Maps], precision: str, tolerance: float
) -> None:
    engine = create_engine("torch", device="cuda", precision=precision)  # type: ignore[arg-type]
    assert_close(engine.infer(people), on_cpu, tolerance)


def test_deterministic_cuda_repeats_bit_for_bit(people: list[np.ndarray]) -> None:
    first, second = (
        create_engine("torch", device="cuda", deterministic=True).infer(people) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.pcm_chw, other.pcm_chw)
        assert np.array_equal(one.paf_chw, other.paf_chw)


class _Counted(torch.cuda.CUDAGraph):
    replays = 0

    def replay(self) -> None:
        _Counted.replays += 1
        super().replay()


def test_every_number_of_pictures_is_captured_and_gives_the_maps_of_each(
    people: list[np.ndarray],
    on_cpu: list[Maps],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also three, which are filled up to four; and earlier maps stay as they were."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", _Counted)
    engine = create_engine("torch", device="cuda", batch=4)
    engine.warm_up(256, 256, 0)
    before = _Counted.replays
    got = engine.infer(people[:1]) + engine.infer(people[1:]) + engine.infer(people[::-1])
    assert _Counted.replays == before + 3
    got += engine.infer(people + people)  # more than `batch`
    assert_close(got, [*on_cpu, *on_cpu[::-1], *on_cpu, *on_cpu])
    assert "no CUDA graphs" not in caplog.text


@pytest.mark.parametrize("kept", [1, 2])
def test_more_sizes_than_are_kept_are_captured_again(
    people: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kept: int,
) -> None:
    monkeypatch.setattr(cuda_graphs, "MAX_SHAPES", kept)
    engine = create_engine("torch", device="cuda")
    first = engine.infer(people[:1])
    for height in (128, 64):
        engine.infer([people[0][:height]])
    assert_close(engine.infer(people[:1]), first)
    assert "no CUDA graphs" not in caplog.text


class _NothingIsCaptured(torch.cuda.CUDAGraph):
    def replay(self) -> None:
        """Leave the maps as they were."""


class _HasNoMemoryInCapture(torch_engine._Forward):
    def __call__(self, image_nhw3: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if torch.cuda.is_current_stream_capturing():
            raise torch.OutOfMemoryError("no memory")
        return super().__call__(image_nhw3)


class _SyncsInCapture(torch_engine._Forward):
    def __call__(self, image_nhw3: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if torch.cuda.is_current_stream_capturing():
            torch.cuda.synchronize()  # not allowed: the capture is lost
        return super().__call__(image_nhw3)


# Last in the file, and syncing last of all: torch may not capture again in a process after that.
@pytest.mark.parametrize(
    "fault",
    [
        (torch.cuda, "CUDAGraph", _NothingIsCaptured),
        (torch_engine, "_Forward", _HasNoMemoryInCapture),
        (torch_engine, "_Forward", _SyncsInCapture),
    ],
)
def test_without_graphs_the_maps_are_as_right(
    people: list[np.ndarray],
    on_cpu: list[Maps],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: tuple[object, str, type],
) -> None:
    monkeypatch.setattr(*fault)
    engine = create_engine("torch", device="cuda", batch=4)
    for _ in range(2):
        assert_close(engine.infer(people), on_cpu)
        assert_close(engine.infer(people[:1]), on_cpu[:1])
    assert caplog.text.count("no CUDA graphs") == 1
