from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import workers.engines
from ghostpose.errors import EngineError, WeightsError
from ghostpose.network.weights import SHIPPED_WEIGHTS, read_header
from workers.engines import create_engine, openvino_device
from workers.engines.protocol import EngineOptions


def without_module(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Make the engines believe that these packages aren't installed."""
    monkeypatch.setattr(workers.engines, "_installed", lambda module: module not in missing)


@pytest.mark.parametrize("gains", [True, False])
def test_auto_is_openvino_where_there_is_no_cuda_and_int8_where_the_processor_gains_from_it(
    monkeypatch: pytest.MonkeyPatch, gains: bool
) -> None:
    monkeypatch.setattr(workers.engines, "_has_cuda", lambda: False)
    monkeypatch.setattr(openvino_device, "gains_from_int8", lambda: gains)
    engine = create_engine()
    assert (engine.name, engine.device) == ("openvino", "cpu")
    assert engine.precision in (["int8"] if gains else ["f32", "bf16"])
    assert engine.paf_offset_cells == read_header(SHIPPED_WEIGHTS).paf_offset_cells


def test_what_must_be_deterministic_or_is_given_by_name_is_not_made_int8() -> None:
    assert create_engine("openvino", deterministic=True).precision == "f32"
    network = SHIPPED_WEIGHTS.with_name("copy.xml")
    options = EngineOptions(network)
    assert openvino_device.choose_precision("CPU", options) != "int8"


@pytest.mark.parametrize(
    ("flags", "gains"),
    [
        ("flags : fpu avx512f avx512_vnni", True),
        ("flags : avx_vnni", True),
        ("flags : amx_int8 amx_tile", True),
        ("flags : fpu avx2 avx512f avx512_bf16", False),
        ("model name : amx_int8", False),
        (None, False),
    ],
)
def test_what_the_processor_gains_from_is_read_from_its_flags(
    tmp_path: Path, flags: str | None, gains: bool
) -> None:
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    assert openvino_device.gains_from_int8(tmp_path / "cpuinfo") is gains


def test_auto_is_torch_where_there_is_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.engines, "_has_cuda", lambda: True)
    assert create_engine().name == "torch"
    assert create_engine(device="cpu").name == "openvino"
    assert create_engine(weights=SHIPPED_WEIGHTS.with_suffix(".xml")).name == "openvino"


def test_auto_is_torch_on_a_cpu_that_has_only_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.engines, "_has_cuda", lambda: False)
    without_module(monkeypatch, "openvino")
    assert create_engine().name == "torch"


def test_shipped_network_runs_without_importing_torch() -> None:
    program = (
        "import sys, numpy as np; from workers.engines import create_engine;"
        "engine = create_engine(device='cpu');"
        "engine.infer([np.zeros((64, 64, 3), np.uint8)]);"
        "assert 'torch' not in sys.modules and 'cv2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_nobody_is_told_that_an_engine_runs(tmp_path: Path) -> None:
    """OpenVINO's telemetry leaves an id in the home folder, and would send it with each event."""
    program = (
        "import sys; from workers.engines import create_engine; create_engine(device='cpu');"
        "assert sys.modules['openvino_telemetry'] is None"
    )
    home = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100, env=home)
    assert not list(tmp_path.rglob("openvino*"))


def test_signals_are_handled_after_engines_have_come_and_gone() -> None:
    """Where the processor has AMX, OpenVINO lends a thread a stack for that; see openvino_core."""
    program = (
        "import os, signal; from workers.engines import create_engine;"
        "engines = [create_engine('openvino'), create_engine('openvino')];"
        "del engines[0]; del engines[0]; heard = [];"
        "signal.signal(signal.SIGUSR1, lambda *_: heard.append(1));"
        "os.kill(os.getpid(), signal.SIGUSR1);"
        "assert heard"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_choosing_an_engine_imports_neither_torch_nor_openvino() -> None:
    program = (
        "import sys, workers.engines;"
        "assert not {'torch', 'openvino', 'cv2'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "tensorrt"}, "'tensorrt' is unknown: choose from auto, openvino, torch"),
        ({"name": "openvino", "device": "cuda"}, "no device 'cuda'.*CUDA needs engine torch"),
        ({"name": "openvino", "device": "tpu"}, "no device 'tpu' here, only cpu"),
        ({"name": "torch", "device": "tpu"}, "choose auto, cpu, cuda or cuda:N"),
        ({"name": "torch", "device": "auto:0"}, "choose auto, cpu, cuda or cuda:N"),
        ({"name": "torch", "device": "cuda:99"}, r"cuda:99: torch .* finds \d+ CUDA devices"),
        ({"name": "torch", "device": "cpu", "precision": "bf16"}, "in f32 on the CPU, not bf16"),
        ({"name": "torch", "device": "cpu", "precision": "int8"}, "has no int8: use engine openv"),
        (
            {"name": "openvino", "precision": "int8", "weights": SHIPPED_WEIGHTS},
            "pose.safetensors are not int8: make a network that is with ghostpose export-model",
        ),
        ({"name": "openvino", "precision": "f64"}, "'f64' is unknown"),
        ({"deterministic": True, "precision": "bf16"}, "deterministic results need .* f32"),
        ({"threads": -1}, "threads -1 must be >= 0"),
        ({"name": "torch", "weights": SHIPPED_WEIGHTS.with_suffix(".xml")}, "use engine openvino"),
    ],
)
def test_what_this_machine_has_not_is_one_sentence(
    options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(EngineError, match=sentence) as caught:
        create_engine(**options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["auto", "openvino", "torch"])
def test_missing_weights_are_one_sentence(name: str) -> None:
    with pytest.raises(WeightsError, match=r"weights /nowhere/a.xml don't exist"):
        create_engine(name, weights=Path("/nowhere/a.xml"))


@pytest.mark.parametrize(("name", "extra"), [("openvino", "infer"), ("torch", "torch")])
def test_an_engine_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    without_module(monkeypatch, name)
    with pytest.raises(EngineError, match=rf"pip install 'ghostpose\[{extra}\]'"):
        create_engine(name)
