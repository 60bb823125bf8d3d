"""An OpenVINO network run by torch says what OpenVINO says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ghostpose.errors import DataError
from training.config import TrainConfig
from training.data.batches import Batch, distilled
from training.data.sources import DataConfig, SourceConfig
from training.distillation.graph import TorchGraph
from training.distillation.teacher import (
    OpenVinoTeacher,
    TeacherConfig,
    TeacherMaps,
    TorchTeacher,
    open_teacher,
)
from training.losses import LossConfig
from training.trainer import StepReport, Trainer

openvino = pytest.importorskip("openvino", reason="needs OpenVINO to make and run a network")

ROOT = Path(__file__).parents[2]
TEACHER = ROOT.parent / "shared/data/teacher/lightweight-openpose-int8.xml"
PICTURE = ROOT / "docs/media/crossing.jpg"


def small_network(folder: Path) -> Path:
    """Write a network with every operation that is known: quantised and grouped weights too."""
    from openvino import opset13 as ops

    rng = np.random.default_rng(0)

    def weight(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    data = ops.parameter([1, 3, 16, 24], np.float32, name="data")
    x = ops.add(ops.multiply(data, np.float32(0.01)), weight(1, 3, 1, 1))
    bytes_8311 = ops.constant(rng.integers(0, 255, (8, 3, 3, 3), dtype=np.uint8))
    stands_for = ops.fake_quantize(
        ops.convert(bytes_8311, "f32"),
        np.float32(0),
        np.float32(254),
        np.float32(-1.27),
        np.float32(1.27),
        255,
    )
    x = ops.convolution(x, stands_for, [2, 2], [1, 1], [1, 1], [1, 1])
    x = ops.relu(ops.add(x, weight(1, 8, 1, 1)))
    grouped = ops.reshape(ops.constant(weight(8, 1, 3, 3)), [8, 1, 1, 3, 3], special_zero=True)
    deep = ops.group_convolution(x, grouped, [1, 1], [2, 2], [2, 2], [2, 2])
    pcm = ops.elu(ops.add(deep, weight(1, 8, 1, 1)), 1.0, name="pcm")
    paf = ops.concat([pcm, x, deep], 1, name="paf")
    path = folder / "small.xml"
    openvino.save_model(openvino.Model([pcm, paf], [data], "small"), path, compress_to_fp16=False)
    return path


def test_every_known_operation_gives_what_openvino_gives(tmp_path: Path) -> None:
    from workers.engines.openvino_core import CORE

    path = small_network(tmp_path)
    images = np.random.default_rng(1).uniform(0, 255, (1, 3, 16, 24)).astype(np.float32)
    theirs = CORE.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(images)
    pcm, paf = TorchGraph(path, ["pcm", "paf"])(torch.from_numpy(images))
    assert np.abs(theirs[0] - pcm.numpy()).max() < 1e-4
    assert np.abs(theirs[1] - paf.numpy()).max() < 1e-4


def test_a_bias_is_part_of_its_convolution_unless_that_is_used_without_it(tmp_path: Path) -> None:
    path = small_network(tmp_path)
    both, alone = TorchGraph(path, ["pcm", "paf"]), TorchGraph(path, ["pcm"])
    assert [step.type for step in both._steps].count("Add") == 2, "the input's, and deep's own"
    assert [step.type for step in alone._steps].count("Add") == 1
    images = torch.rand(1, 3, 16, 24)
    assert torch.allclose(both(images)[0], alone(images)[0], atol=1e-5)


def test_what_is_not_wanted_is_not_computed(tmp_path: Path) -> None:
    (pcm,) = TorchGraph(small_network(tmp_path), ["pcm"])(torch.zeros(1, 3, 16, 24))
    assert pcm.shape == (1, 8, 8, 12)


def test_an_output_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no operation 'neck'"):
        TorchGraph(small_network(tmp_path), ["neck"])


def test_an_operation_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = small_network(tmp_path)
    path.write_text(path.read_text().replace('type="ReLU"', 'type="Swish"'))
    with pytest.raises(DataError, match="is of type Swish, and only Add, Concat"):
        TorchGraph(path, ["pcm"])


@pytest.mark.parametrize("content", ["", "<net", "<net><layers><layer/></layers></net>", "\udcff"])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.xml"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    path.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(DataError, match=r"broken\.xml"):
        TorchGraph(path, ["pcm"])


def test_constants_cut_short_are_refused(tmp_path: Path) -> None:
    path = small_network(tmp_path)
    path.with_suffix(".bin").write_bytes(path.with_suffix(".bin").read_bytes()[:40])
    with pytest.raises(DataError, match="is no OpenVINO network"):
        TorchGraph(path, ["pcm"])


@pytest.mark.skipif(not TEACHER.is_file(), reason="the teacher is not part of the project")
def test_the_teacher_says_in_torch_what_it_says_in_openvino() -> None:
    """But for bf16, in which OpenVINO computes where it prefers to."""
    config = TeacherConfig(network=TEACHER, too_high_px=1)
    picture = torch.from_numpy(cv2.resize(cv2.imread(str(PICTURE)), (544, 368))[None])
    theirs = OpenVinoTeacher(config).infer(picture)
    mine = TorchTeacher(config, torch.device("cpu")).infer(picture)
    for name in ("pcm_nchw", "paf_nchw", "neck_nchw"):
        both = torch.stack([getattr(maps, name).flatten() for maps in (theirs, mine)])
        assert float(torch.corrcoef(both)[0, 1]) > 0.995, name


def small_teacher(folder: Path) -> Path:
    """Write a teacher whose maps are random sums of its picture's cells."""
    from openvino import opset13 as ops

    rng = np.random.default_rng(3)
    data = ops.parameter([-1, 3, -1, -1], np.float32, name="data")
    outputs = [
        ops.convolution(
            data,
            rng.normal(0, 1e-4, (channels, 3, 8, 8)).astype(np.float32),
            [8, 8],
            [0, 0],
            [0, 0],
            [1, 1],
            name=name,
        )
        for name, channels in (("pcm", 19), ("paf", 38), ("neck", 128))
    ]
    path = folder / "teacher.xml"
    openvino.save_model(openvino.Model(outputs, [data], "teacher"), path, compress_to_fp16=False)
    return path


def test_a_teacher_says_the_same_by_either_runtime(tmp_path: Path) -> None:
    config = TeacherConfig(network=small_teacher(tmp_path), pcm="pcm", paf="paf", neck="neck")
    images = torch.randint(0, 255, (4, 64, 64, 3), dtype=torch.uint8)
    theirs = open_teacher(config, torch.device("cpu")).infer(images)
    mine = TorchTeacher(config, torch.device("cpu")).infer(images)
    for name in ("pcm_nchw", "paf_nchw", "neck_nchw"):
        # OpenVINO computes in bf16 where it prefers to.
        assert torch.allclose(getattr(theirs, name), getattr(mine, name), atol=1e-2), name


def test_a_run_copies_its_teacher_where_nobody_is_labelled(
    coco_folder: Path, tmp_path: Path
) -> None:
    network = small_teacher(tmp_path)
    teacher = TeacherConfig(network=network, pcm="pcm", paf="paf", neck="neck", paf_offset_cells=0)
    pictures = SourceConfig(images=coco_folder / "images")
    run = TrainConfig(
        name="copies",
        data=DataConfig(sources={"unlabelled": pictures}, crop_px=64, workers=0),
        teacher=teacher,
        loss=LossConfig(neck=1),
        batch=2,
        steps=1,
        threads=1,
    )
    batches: list[Batch] = []

    class Seen:
        def on_step(self, report: StepReport) -> None:
            batches.append(report.batch)
            assert report.losses.neck is not None

    Trainer(run, tmp_path / "run", reporters=[Seen()]).run()
    (batch,) = batches
    maps = TorchTeacher(teacher, torch.device("cpu")).infer(batch.images)
    assert torch.allclose(batch.pcm, maps.pcm_nchw, atol=1e-2)
    assert torch.allclose(batch.paf, maps.paf_nchw, atol=1e-2)
    assert (batch.weight == 1).all()


def test_labels_are_mixed_with_the_teachers_maps_only_where_people_are_known() -> None:
    labels = Batch(
        torch.zeros((1, 8, 16, 3), dtype=torch.uint8),
        torch.full((1, 19, 1, 2), 0.8),
        torch.full((1, 38, 1, 2), 0.4),
        torch.tensor([[[[1.0, 0.0]]]]),
    )
    maps = TeacherMaps(torch.zeros((1, 19, 1, 2)), torch.zeros((1, 38, 1, 2)), None)
    batch = distilled(labels, maps, 0.25)
    assert torch.allclose(batch.pcm[0, :, 0], torch.tensor([0.2, 0.0]).expand(19, 2))
    assert torch.allclose(batch.paf[0, :, 0], torch.tensor([0.1, 0.0]).expand(38, 2))
    assert (batch.weight == 1).all()
