"""Which network files the OpenVINO engine takes, and what it says about those it doesn't."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from ghostpose.errors import EngineError, WeightsError
from ghostpose.network.export import export_onnx
from ghostpose.network.weights import SHIPPED_WEIGHTS, file_sha256
from workers.engines import (
    create_engine,
    openvino_device,
    openvino_engine,
    openvino_network,
)
from workers.engines.openvino_engine import OpenVinoEngine
from workers.engines.protocol import MAX_SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator

TEACHER = Path(__file__).parents[4] / "shared/data/teacher/lightweight-openpose-int8.xml"
GREY = np.full((16, 24, 3), (10, 20, 30), np.uint8)


def write_network(
    path: Path,
    *,
    channels: tuple[int, ...] = (38, 19),
    names: tuple[str, ...] = (),
    stride: int = 8,
) -> Path:
    """Write a network whose every map is the mean over 8x8 pixels of blue + 100 * red."""
    image = ops.parameter([-1, 3, -1, -1], np.float32, name="data")
    pooled = ops.avg_pool(image, [stride] * 2, [0, 0], [0, 0], [stride] * 2, exclude_pad=True)
    outputs = []
    for index, count in enumerate(channels):
        weights = np.zeros((count, 3, 1, 1), np.float32)
        weights[:, 0], weights[:, 2] = 1, 100
        maps = ops.convolution(pooled, weights, [1, 1], [0, 0], [0, 0], [1, 1])
        outputs.append(ops.multiply(maps, np.float32(index + 1)))
    model = openvino.Model(outputs, [image])
    for output, name in zip(model.outputs, names, strict=False):
        output.set_names({name})
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where exports are cached, one folder for all tests here: exporting takes seconds."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "ghostpose"


def run(path: Path) -> tuple[float, float, float]:
    """First PCM and PAF value for a picture of (10, 20, 30), and the offset."""
    engine = create_engine("openvino", weights=path, device="cpu", precision="f32", threads=1)
    (maps,) = engine.infer([GREY])
    assert maps.input_size_px == (16, 24)
    return float(maps.pcm_chw[0, 0, 0]), float(maps.paf_chw[0, 0, 0]), maps.paf_offset_cells


def test_outputs_are_found_by_their_channels_whatever_their_order(tmp_path: Path) -> None:
    assert run(write_network(tmp_path / "a.xml", channels=(38, 19))) == (6020, 3010, 0.0)
    assert run(write_network(tmp_path / "b.xml", channels=(19, 38))) == (3010, 6020, 0.0)


def test_the_paf_offset_of_the_public_lightweight_openpose_is_known(tmp_path: Path) -> None:
    names = ("Mconv7_stage2_L1", "Mconv7_stage2_L2")
    path = write_network(tmp_path / "hpe.xml", names=names)
    assert run(path) == (6020, 3010, 0.4375)
    path.with_suffix(".json").write_text('{"paf_offset_cells": 0.25}')
    assert run(path) == (6020, 3010, 0.25)


def test_of_several_stages_the_last_is_taken_unless_names_say_otherwise(tmp_path: Path) -> None:
    stages = (38, 19, 38, 19)
    assert run(write_network(tmp_path / "a.xml", channels=stages)) == (12040, 9030, 0.0)
    named = write_network(tmp_path / "b.xml", channels=stages, names=("paf", "pcm", "x", "y"))
    assert run(named) == (6020, 3010, 0.0)


def test_a_json_file_beside_a_foreign_network_says_offset_scaling_and_channel_order(
    tmp_path: Path,
) -> None:
    path = write_network(tmp_path / "a.xml")
    path.with_suffix(".json").write_text(
        json.dumps({"paf_offset_cells": 0.25, "mean": 10, "scale": 10, "channels": "rgb"})
    )
    assert run(path) == pytest.approx((2 * 2, 2, 0.25), rel=1e-5)


@pytest.mark.parametrize("text", ["{", '{"mean": "x"}', '{"scale": 0}', '{"offset": 1}'])
def test_a_json_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    path = write_network(tmp_path / "a.xml")
    path.with_suffix(".json").write_text(text)
    with pytest.raises(WeightsError, match="does not describe a network"):
        run(path)


@pytest.mark.parametrize("channels", [(38,), (19,), (17, 38)])
def test_a_network_without_both_outputs_is_refused(
    tmp_path: Path, channels: tuple[int, ...]
) -> None:
    with pytest.raises(WeightsError, match=r"is no pose network: no output has (19|38) channels"):
        run(write_network(tmp_path / "a.xml", channels=channels))


def test_a_network_of_another_stride_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="wanted maps of"):
        run(write_network(tmp_path / "a.xml", stride=4))


def test_a_damaged_network_is_one_sentence(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.xml")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(WeightsError, match=r"is damaged, or no \.xml network") as caught:
        run(path)
    assert "\n" not in str(caught.value)


def test_constants_cut_short_are_one_sentence(tmp_path: Path) -> None:
    for suffix in (".xml", ".bin"):
        shutil.copy(SHIPPED_WEIGHTS.with_suffix(suffix), tmp_path / f"pose{suffix}")
    constants = tmp_path / "pose.bin"
    constants.write_bytes(constants.read_bytes()[:-5000])
    with pytest.raises(WeightsError, match="is damaged"):
        run(tmp_path / "pose.xml")


def test_missing_constants_are_one_sentence(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.xml")
    path.with_suffix(".bin").unlink()
    with pytest.raises(WeightsError, match=r"a\.bin doesn't exist"):
        run(path)


def test_a_picture_given_as_weights_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"jpeg")
    with pytest.raises(WeightsError, match=r"wanted \.safetensors, \.xml or \.onnx"):
        create_engine("openvino", weights=tmp_path / "a.jpg")


def test_our_onnx_export_brings_its_own_offset(thin_weights: Path, tmp_path: Path) -> None:
    export_onnx(thin_weights, tmp_path / "thin.onnx")
    assert run(tmp_path / "thin.onnx")[2] == 0.25


def test_safetensors_use_the_network_beside_them_if_it_is_theirs() -> None:
    network = openvino_network.open_network(SHIPPED_WEIGHTS)
    assert network.path == SHIPPED_WEIGHTS.with_suffix(".xml")


def test_safetensors_are_exported_once_to_the_cache(thin_weights: Path, cache: Path) -> None:
    assert run(thin_weights)[2] == 0.25
    cached = cache / f"{file_sha256(thin_weights)}.xml"
    written = cached.stat().st_mtime_ns
    assert run(thin_weights)[2] == 0.25
    assert cached.stat().st_mtime_ns == written


def test_a_stale_network_beside_safetensors_is_not_used(
    thin_weights: Path, tmp_path: Path, cache: Path
) -> None:
    shutil.copy(thin_weights, tmp_path / "pose.safetensors")
    for suffix in (".xml", ".bin"):
        shutil.copy(SHIPPED_WEIGHTS.with_suffix(suffix), tmp_path / f"pose{suffix}")
    network = openvino_network.open_network(tmp_path / "pose.safetensors")
    assert network.path.parent == cache


def test_safetensors_without_an_export_need_torch_and_say_so(
    thin_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(openvino_network, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match="making one needs torch"):
        create_engine("openvino", weights=thin_weights)


def test_where_exports_can_not_be_kept_it_says_what_to_set(
    thin_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()  # no user, root neither, may make a folder in that
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(openvino_network, "_is_export_of", lambda *_: False)
    with pytest.raises(EngineError, match="Not a directory: set XDG_CACHE_HOME"):
        create_engine("openvino", weights=thin_weights)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(EngineError, match="has no home folder: set XDG_CACHE_HOME"):
        openvino_network.cache_folder()


def test_without_its_int8_network_ghostpose_runs_in_floating_point_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "pose-int8.xml"
    monkeypatch.setattr(openvino_device, "gains_from_int8", lambda: True)
    monkeypatch.setattr(openvino_device, "SHIPPED_INT8", gone)
    assert create_engine("openvino", device="cpu").precision in ("bf16", "f16", "f32")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"isn't there ({gone})" in record.getMessage()


def test_a_shipped_network_that_is_missing_is_to_be_installed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openvino_engine, "SHIPPED_INT8", SHIPPED_WEIGHTS.with_name("gone.xml"))
    with pytest.raises(WeightsError, match=r"gone.xml doesn't exist: it comes with ghostpose"):
        create_engine("openvino", device="cpu", precision="int8")


def test_foreign_safetensors_are_refused_before_anything_is_exported(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match="no safetensors file, or damaged"):
        create_engine("openvino", weights=tmp_path / "a.safetensors")


@pytest.mark.data
def test_the_teacher_network_finds_the_same_person(people: list[np.ndarray]) -> None:
    if not TEACHER.is_file():
        pytest.skip(f"no {TEACHER}")
    engine = create_engine(weights=TEACHER, device="cpu", paf_offset_cells=0.4375)
    (maps,), (ours,) = engine.infer(people[:1]), create_engine(device="cpu").infer(people[:1])
    assert maps.paf_offset_cells == 0.4375
    necks = [np.unravel_index(m.pcm_chw[1].argmax(), m.pcm_chw[1].shape) for m in (maps, ours)]
    assert np.abs(np.subtract(*necks)).max() <= 2


def test_compiled_networks_are_kept_for_a_bounded_number_of_sizes(tmp_path: Path) -> None:
    path = write_network(tmp_path / "a.xml")
    engine = create_engine("openvino", weights=path, device="cpu", threads=1)
    assert isinstance(engine, OpenVinoEngine)
    for cells in range(1, MAX_SHAPES + 3):
        engine.warm_up(8, 8 * cells, batch=cells % 2)
    assert len(engine._sizes) == MAX_SHAPES
    assert (8, 8) not in engine._sizes
    assert engine.infer([np.zeros((8, 8, 3), np.uint8)])[0].input_size_px == (8, 8)
