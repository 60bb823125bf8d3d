"""`ghostpose export-model` as a user types it, on a thin network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from app.cli.export_model import export_model
from ghostpose.errors import DataError, UserError, WeightsError
from ghostpose.network.model import PoseNetwork
from ghostpose.network.options import NetworkOptions
from ghostpose.network.weights import WeightsHeader, save_network
from workers.engines import create_engine

if TYPE_CHECKING:
    from pathlib import Path

THIN = NetworkOptions(width=0.25, refinement_stages=0)


def export(*arguments: object) -> dict[str, object]:
    app = typer.Typer()
    app.command()(export_model)
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    line: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return line


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("thin") / "thin.safetensors"
    save_network(path, PoseNetwork(THIN), WeightsHeader(THIN, 0.125, "a test"))
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of blurred noise, one of them damaged."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(2)
    for index in range(11):
        noise = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.GaussianBlur(noise, (0, 0), 3) * 2)
    (folder / "damaged.png").write_bytes(b"no picture")
    return folder


def maps_of(network: Path, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    [maps] = create_engine("openvino", weights=network, precision="f32").infer([picture])
    assert maps.paf_offset_cells == 0.125
    return maps.pcm_chw, maps.paf_chw


@pytest.mark.parametrize(("name", "kind"), [("thin.onnx", "onnx"), ("thin.xml", "openvino")])
def test_an_exported_network_says_what_the_weights_say(
    weights: Path, pictures: Path, tmp_path: Path, name: str, kind: str
) -> None:
    line = export(tmp_path / name, "--weights", weights, "--precision", "f32")
    assert line == {"file": str(tmp_path / name), "format": kind, "precision": "f32"}
    picture = cv2.imread(str(pictures / "0.png"))
    [wanted] = create_engine("torch", weights=weights, precision="f32").infer([picture])
    pcm, paf = maps_of(tmp_path / name, picture)
    np.testing.assert_allclose(pcm, wanted.pcm_chw, atol=1e-4)
    np.testing.assert_allclose(paf, wanted.paf_chw, atol=1e-4)


def test_int8_is_calibrated_on_readable_pictures_and_stays_near_the_weights(
    weights: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "int8.xml"
    line = export(out, "--weights", weights, "--precision", "int8", "--calibrate", pictures,
                  "--height", 96)  # fmt: skip
    assert line["calibrated_on"] == 11
    assert out.read_text().count('type="FakeQuantize"') > 20
    picture = cv2.imread(str(pictures / "0.png"))
    [wanted] = create_engine("torch", weights=weights, precision="f32").infer([picture])
    for got, float_maps in zip(
        maps_of(out, picture), (wanted.pcm_chw, wanted.paf_chw), strict=True
    ):
        error = float(np.abs(got - float_maps).mean())
        assert 0 < error < 0.1 * float(float_maps.std())


def test_pictures_held_out_are_not_calibrated_on(
    weights: Path, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "held-out.txt").write_text("".join(f"{index}.png\n" for index in range(4)))
    with pytest.raises(DataError, match="7 pictures are too few to calibrate int8: give 8"):
        export(tmp_path / "int8.xml", "--weights", weights, "--precision", "int8",
               "--calibrate", pictures, "--without", tmp_path / "held-out.txt")  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.bin"], "a network's file ends in .onnx or .xml"),
        (["a.xml", "--format", "onnx"], "a network's file ends in .onnx"),
        (["a.xml", "--precision", "int8"], "--calibrate goes with --precision int8"),
        (["a.xml", "--calibrate", "."], "--calibrate goes with --precision int8"),
        (["a.onnx", "--precision", "int8", "--calibrate", "."], "for OpenVINO only"),
    ],
)
def test_wrong_options_are_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        export(*arguments)


def test_missing_weights_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="don't exist"):
        export(tmp_path / "a.xml", "--weights", tmp_path / "no.safetensors")
