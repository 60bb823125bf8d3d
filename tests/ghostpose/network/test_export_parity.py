"""The exported networks say the same as the weights they came from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ghostpose.errors import WeightsError
from ghostpose.network.export import export_onnx, export_openvino
from ghostpose.network.exported import RECORD_KEY, ExportRecord, parse_record
from ghostpose.network.model import PoseNetwork
from ghostpose.network.options import NetworkOptions
from ghostpose.network.weights import (
    SHIPPED_INT8,
    SHIPPED_WEIGHTS,
    WeightsHeader,
    file_sha256,
    read_header,
    save_network,
)
from workers.engines.openvino_core import CORE

REFERENCE = Path(__file__).with_name("reference.npz")
SHIPPED_IR = SHIPPED_WEIGHTS.with_suffix(".xml")
THIN = NetworkOptions(width=0.25, refinement_stages=0)


def run_f32(model: Path, image_hw3: np.ndarray) -> list[np.ndarray]:
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = CORE.compile_model(model, "CPU", hints)
    image_n3hw = image_hw3.transpose(2, 0, 1)[None].astype(np.float32)
    outputs = compiled(image_n3hw)
    return [outputs["pcm"][0], outputs["paf"][0]]


def record_of(model: Path) -> ExportRecord:
    loaded = CORE.read_model(model)
    path = [RECORD_KEY] if loaded.has_rt_info([RECORD_KEY]) else ["framework", RECORD_KEY]
    return parse_record(model.name, loaded.get_rt_info(path).value)


@pytest.fixture(scope="module")
def thin_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("thin") / "thin.safetensors"
    save_network(path, PoseNetwork(THIN), WeightsHeader(THIN, 0.125, "a test"))
    return path


@pytest.fixture(scope="module")
def thin_network(thin_weights: Path) -> Path:
    """`thin_weights` exported with an empty home folder, which stays beside it."""
    home, out = thin_weights.parent / "home", thin_weights.with_suffix(".xml")
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        patch.setenv("HOME", str(home))
        export_openvino(thin_weights, out, precision="f32")
    return out


@pytest.mark.parametrize(("path", "precision"), [(SHIPPED_IR, "f16"), (SHIPPED_INT8, "int8")])
def test_shipped_network_was_exported_from_the_shipped_weights(path: Path, precision: str) -> None:
    record = record_of(path)
    assert record.weights_sha256 == file_sha256(SHIPPED_WEIGHTS), (
        "the shipped weights changed: run tests/ghostpose/network/refresh_shipped.py"
    )
    assert record.header == read_header(SHIPPED_WEIGHTS)
    assert record.precision == precision


def test_shipped_int8_network_gives_nearly_the_maps_of_the_shipped_weights() -> None:
    reference = np.load(REFERENCE)
    for got, wanted in zip(
        run_f32(SHIPPED_INT8, reference["image"]), (reference["pcm"], reference["paf"]), strict=True
    ):
        assert np.abs(got - wanted).mean() < 0.01
        assert np.corrcoef(got.ravel(), wanted.ravel())[0, 1] > 0.98


def test_shipped_network_gives_the_maps_of_the_shipped_weights() -> None:
    reference = np.load(REFERENCE)
    pcm, paf = run_f32(SHIPPED_IR, reference["image"])
    # Folded and rounded to float16 once more than the weights: more than the rounding error of one
    # tensor, far less than what moves a key point.
    np.testing.assert_allclose(pcm, reference["pcm"], atol=5e-3, rtol=0)
    np.testing.assert_allclose(paf, reference["paf"], atol=5e-3, rtol=0)


def test_shipped_network_has_no_batch_norm_left() -> None:
    """Every Multiply is a squeeze-excite's gate; a batch norm would leave its own scale."""
    kinds = Counter(op.get_type_name() for op in CORE.read_model(SHIPPED_IR).get_ops())
    assert kinds["BatchNormInference"] == 0
    assert kinds["Multiply"] == 4
    assert kinds["Convolution"] + kinds["GroupConvolution"] == 97


def test_float32_export_gives_the_maps_of_the_shipped_weights_exactly(tmp_path: Path) -> None:
    reference = np.load(REFERENCE)
    export_openvino(SHIPPED_WEIGHTS, tmp_path / "pose.xml", precision="f32")
    pcm, paf = run_f32(tmp_path / "pose.xml", reference["image"])
    np.testing.assert_allclose(pcm, reference["pcm"], atol=2e-5, rtol=0)
    np.testing.assert_allclose(paf, reference["paf"], atol=2e-5, rtol=0)
    assert not list(tmp_path.glob("tmp*"))


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 2e-5), ("f16", 5e-3)])
def test_onnx_gives_the_maps_of_the_openvino_network(
    thin_weights: Path, thin_network: Path, tmp_path: Path, precision: str, tolerance: float
) -> None:
    image = np.load(REFERENCE)["image"]
    export_onnx(thin_weights, tmp_path / "thin.onnx", precision=precision)  # type: ignore[arg-type]
    for got, wanted in zip(
        run_f32(tmp_path / "thin.onnx", image), run_f32(thin_network, image), strict=True
    ):
        np.testing.assert_allclose(got, wanted, atol=tolerance, rtol=0)
    record = record_of(tmp_path / "thin.onnx")
    assert record.header.paf_offset_cells == 0.125
    assert record.precision == precision


def test_exporting_writes_nothing_to_the_home_folder(thin_network: Path) -> None:
    assert not list((thin_network.parent / "home").iterdir())


def test_exporting_missing_weights_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="don't exist"):
        export_openvino(tmp_path / "no.safetensors", tmp_path / "no.xml")


def test_damaged_record_is_one_sentence() -> None:
    with pytest.raises(WeightsError, match=r"network pose.xml has a damaged 'ghostpose' record"):
        parse_record("pose.xml", '{"header": 3}')
