from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from ghostpose.errors import WeightsError
from ghostpose.network.model import PoseNetwork, normalise
from ghostpose.network.options import NetworkOptions
from ghostpose.network.weights import (
    SHIPPED_WEIGHTS,
    WeightsHeader,
    file_sha256,
    load_network,
    read_header,
    save_network,
)

REFERENCE = Path(__file__).with_name("reference.npz")
PROVISIONAL = Path(__file__).parents[4] / "shared/data/weights"
THIN = NetworkOptions(width=0.25)


def maps_of(network: PoseNetwork, image_hw3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image_n3hw = torch.from_numpy(image_hw3).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        pcm, paf = network(normalise(image_n3hw))[-1]
    return pcm[0].numpy(), paf[0].numpy()


def assert_reproduces(reference: Path) -> None:
    wanted = np.load(reference)
    pcm, paf = maps_of(load_network(SHIPPED_WEIGHTS)[0], wanted["image"])
    np.testing.assert_allclose(pcm, wanted["pcm"], atol=1e-3, rtol=0)
    np.testing.assert_allclose(paf, wanted["paf"], atol=1e-3, rtol=0)


@pytest.fixture(scope="module")
def thin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "thin.safetensors"
    torch.manual_seed(3)
    save_network(path, PoseNetwork(THIN), WeightsHeader(THIN, 0.25, "a test", {"val": 0.5}))
    return path


def test_shipped_weights_reproduce_our_reference() -> None:
    assert str(np.load(REFERENCE)["weights_sha256"]) == file_sha256(SHIPPED_WEIGHTS), (
        "the shipped weights changed: run tests/ghostpose/network/refresh_shipped.py"
    )
    assert_reproduces(REFERENCE)


def test_our_reference_has_a_person_in_it() -> None:
    pcm = np.load(REFERENCE)["pcm"]
    assert (pcm[:18].max(axis=(1, 2)) > 0.3).sum() >= 12


@pytest.mark.data
def test_provisional_weights_reproduce_the_reference_they_came_with() -> None:
    if not PROVISIONAL.is_dir():
        pytest.skip(f"no {PROVISIONAL}")
    came = load_file(PROVISIONAL / "provisional.safetensors")["backbone.stem.0.weight"]
    ours = load_file(SHIPPED_WEIGHTS)["backbone.stem.conv.weight"]
    if not torch.equal(came, ours):
        pytest.skip("the shipped weights are newer than the provisional ones")
    assert_reproduces(PROVISIONAL / "reference.npz")


def test_shipped_header_says_network_paf_offset_and_origin() -> None:
    header = read_header(SHIPPED_WEIGHTS)
    assert header.options == NetworkOptions()
    assert 0.0 <= header.paf_offset_cells < 1.0
    assert header.provenance
    assert header.ap["val"] > 0.2


def test_header_is_read_without_torch() -> None:
    program = (
        "import sys; from ghostpose.network.weights import SHIPPED_WEIGHTS, read_header;"
        "read_header(SHIPPED_WEIGHTS); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_saved_weights_come_back_as_the_network_they_were(thin_file: Path, tmp_path: Path) -> None:
    network, header = load_network(thin_file, expected=THIN)
    assert header == WeightsHeader(THIN, 0.25, "a test", {"val": 0.5})
    save_network(tmp_path / "again.safetensors", network, header)
    assert (tmp_path / "again.safetensors").read_bytes() == thin_file.read_bytes()


def test_convolutions_are_stored_as_float16_and_batch_norms_as_float32() -> None:
    for name, tensor in load_file(SHIPPED_WEIGHTS).items():
        assert tensor.dtype == (torch.float32 if ".norm." in name else torch.float16), name


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere.safetensors don't exist"):
        load_network(tmp_path / "nowhere.safetensors")


def test_weights_of_another_preset_are_refused_where_one_is_expected(thin_file: Path) -> None:
    with pytest.raises(WeightsError, match="for another network"):
        load_network(thin_file, expected=NetworkOptions())


def test_safetensors_of_a_foreign_network_are_refused(tmp_path: Path) -> None:
    save_file({"layer.weight": torch.zeros(2, 2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(WeightsError, match="belong to another network"):
        read_header(tmp_path / "foreign.safetensors")


def test_header_that_claims_another_width_than_the_tensors_is_refused(
    thin_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "lying.safetensors"
    path.write_bytes(thin_file.read_bytes().replace(b'width\\":0.25', b'width\\":0.50'))
    with pytest.raises(WeightsError, match=r"for another network: .* should be"):
        load_network(path)


def test_a_file_cut_short_is_refused(thin_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(thin_file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged: wanted"):
        read_header(path)


def test_one_flipped_bit_in_the_tensors_is_noticed(thin_file: Path, tmp_path: Path) -> None:
    raw = bytearray(thin_file.read_bytes())
    raw[-1000] ^= 1
    (tmp_path / "flipped.safetensors").write_bytes(raw)
    with pytest.raises(WeightsError, match="checksum"):
        load_network(tmp_path / "flipped.safetensors")


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_end_in_a_weights_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(raw)
    with pytest.raises(WeightsError):
        read_header(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "header": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(["options", "paf_offset_cells", "provenance", "ap"], JSON)
        ),
        "payload_sha256": JSON,
    },
)
METADATA = st.fixed_dictionaries({"ghostpose-pose-1": (JSON | RECORD).map(json.dumps) | JSON})


@settings(max_examples=200, deadline=None)
@given(entries=JSON | st.fixed_dictionaries({"__metadata__": METADATA | JSON, "t": JSON}))
def test_any_json_header_ends_in_a_weights_error(
    tmp_path_factory: pytest.TempPathFactory, entries: object
) -> None:
    text = json.dumps(entries).encode()
    path = tmp_path_factory.getbasetemp() / "json.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(WeightsError):
        read_header(path)


def test_a_network_that_diverged_is_not_saved(tmp_path: Path) -> None:
    network = PoseNetwork(THIN)
    torch.nn.init.constant_(network.backbone.stem.conv.weight, 1e6)
    with pytest.raises(WeightsError, match=r"not finite as torch.float16"):
        save_network(tmp_path / "inf.safetensors", network, WeightsHeader(THIN))
    assert not list(tmp_path.iterdir())
