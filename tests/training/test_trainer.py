from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from ghostpose.errors import ConfigError
from ghostpose.network.weights import read_header
from training.checkpoint import load_checkpoint
from training.config import TrainConfig, load_train_config, run_folder
from training.errors import CheckpointError, TrainingError
from training.trainer import CHECKPOINT, WEIGHTS, StepReport, Trainer

RUN = """
name: tiny
network: {{preset: pose}}
data:
  crop_px: 64
  workers: 0
  sources:
    tiny: {{images: {folder}/images, annotations: {folder}/annotations.json}}
optimiser: {{lr: 1.0e-3, warm_up_steps: 2}}
batch: 2
steps: 6
threads: 1
"""


@pytest.fixture
def run_file(coco_folder: Path) -> Path:
    path = coco_folder / "run.yaml"
    path.write_text(RUN.format(folder=coco_folder))
    return path


def config(run_file: Path, *changes: str) -> TrainConfig:
    return load_train_config(run_file, changes)


class Losses:
    """Keeps every step's loss, and may ask the run to stop after one."""

    def __init__(self, stop: threading.Event | None = None, after: int = 0) -> None:
        self.values: list[float] = []
        self._stop, self._after = stop, after

    def on_step(self, report: StepReport) -> None:
        self.values.append(float(report.losses.total.detach()))
        if self._stop is not None and len(self.values) == self._after:
            self._stop.set()


@pytest.mark.parametrize(("kind", "steps"), [("adamw", 20), ("muon", 3)])
def test_twenty_resumed_steps_equal_twenty_undisturbed_ones(
    run_file: Path, tmp_path: Path, kind: str, steps: int
) -> None:
    changes = (f"steps={steps + 4}", f"optimiser.kind={kind}", "batch=1", "refine_every=2")
    whole = config(run_file, *changes)
    undisturbed = Losses()
    Trainer(whole, tmp_path / "whole", reporters=[undisturbed]).run()
    stop = threading.Event()
    before, after = Losses(stop, after=4), Losses()
    Trainer(whole, tmp_path / "parts", reporters=[before]).run(stop=stop)
    Trainer(whole, tmp_path / "parts", reporters=[after]).run(resume=True)
    assert len(after.values) == steps
    assert before.values + after.values == undisturbed.values
    ours, theirs = (
        load_checkpoint(tmp_path / name / CHECKPOINT, Trainer(whole, tmp_path).network.options)
        for name in ("whole", "parts")
    )
    for part in ("network", "ema"):
        for name, tensor in getattr(ours, part).items():
            assert tensor.equal(getattr(theirs, part)[name]), name


def test_a_run_ends_with_weights_that_name_their_origin(run_file: Path, tmp_path: Path) -> None:
    state = Trainer(config(run_file, "steps=2"), tmp_path / "run").run()
    assert state.step == 2
    header = read_header(tmp_path / "run" / WEIGHTS)
    assert "'tiny': 2 steps of 2 crops" in header.provenance
    assert "random weights" in header.provenance


def test_a_run_can_end_by_the_clock(run_file: Path, tmp_path: Path) -> None:
    state = Trainer(config(run_file, "steps=null", "minutes=0.01"), tmp_path / "run").run()
    assert state.step >= 1
    assert state.elapsed_s >= 0.6


def test_training_lowers_the_loss(run_file: Path, tmp_path: Path) -> None:
    losses = Losses()
    still = [
        "scale=[1,1]",
        "rotation_deg=0",
        "mirror=0",
        "jitter=0",
        "colour=0",
        "blur=0",
        "jpeg=0",
    ]
    run = config(run_file, "steps=25", *(f"data.augment.{each}" for each in still))
    Trainer(run, tmp_path / "run", reporters=[losses]).run()
    assert sum(losses.values[-5:]) < 0.75 * sum(losses.values[:5])


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(
    run_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    Trainer(config(run_file, "steps=2"), folder).run()
    kept = (folder / CHECKPOINT).read_bytes()
    trainer = Trainer(config(run_file, "steps=6"), folder)
    original = trainer._restore

    def restore_and_poison() -> None:
        original()
        with torch.no_grad():
            next(trainer.network.parameters()).fill_(float("nan"))

    trainer._restore = restore_and_poison  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="the loss of step 2 is nan: stopped"):
        trainer.run(resume=True)
    assert (folder / CHECKPOINT).read_bytes() == kept


def test_a_checkpoint_of_another_network_is_refused(run_file: Path, tmp_path: Path) -> None:
    Trainer(config(run_file, "steps=1"), tmp_path / "run").run()
    wide = Trainer(config(run_file, "network.preset=pose-wide"), tmp_path / "run")
    with pytest.raises(CheckpointError, match="of another network"):
        wide.run(resume=True)


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "no checkpoint"), (b"junk", "damaged or none")]
)
def test_resuming_from_nothing_or_junk_is_one_sentence(
    run_file: Path, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(CheckpointError, match=sentence):
        Trainer(config(run_file), tmp_path).run(resume=True)


def test_a_checkpoint_below_a_file_is_one_sentence(run_file: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no folder")
    trainer = Trainer(config(run_file, "steps=1"), tmp_path / "run" / "below")
    with pytest.raises(TrainingError, match=r"can't be written: .*"):
        trainer.run()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_stops_with_a_sentence_and_keeps_the_old_checkpoint(
    run_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    Trainer(config(run_file, "steps=1"), folder).run()
    kept = (folder / CHECKPOINT).read_bytes()
    (folder / f"{CHECKPOINT}.partial").symlink_to("/dev/full")
    with pytest.raises(TrainingError, match=r"can't be written.*kept at"):
        Trainer(config(run_file, "steps=2"), folder).run(resume=True)
    assert (folder / CHECKPOINT).read_bytes() == kept


def test_steps_between_train_the_initial_stage_only(run_file: Path, tmp_path: Path) -> None:
    stages: list[int] = []

    class Stages:
        def on_step(self, report: StepReport) -> None:
            stages.append(len(report.losses.stages))

    run = config(run_file, "steps=8", "refine_every=3", "refine_always_from=0.75")
    Trainer(run, tmp_path / "run", reporters=[Stages()]).run()
    assert stages == [2, 1, 1, 2, 1, 1, 2, 2]


def test_a_teacher_with_another_offset_than_the_targets_is_refused(run_file: Path) -> None:
    with pytest.raises(ConfigError, match="labels and teacher would contradict"):
        config(run_file, "teacher={network: x.xml, paf_offset_cells: 0.4375}")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("optimiser.lr", "is not key=value"),
        ("name.deep=1", "holds no settings"),
        ("optimiser.lr=-1", "optimiser.lr: .*greater than 0"),
        ("optimiser.rate=1", "optimiser.rate: .*not permitted"),
        ("minutes=3", "exactly one of epochs, steps and minutes"),
    ],
)
def test_a_wrong_setting_is_named(run_file: Path, change: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        config(run_file, change)


def test_checkpoints_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert run_folder("leg") == Path("/somewhere/ghostpose/training/leg")


@pytest.mark.parametrize("path", sorted(Path("configs/training").glob("*.yaml")), ids=str)
def test_the_configurations_that_come_with_ghostpose_are_valid(path: Path) -> None:
    assert load_train_config(path).name == path.stem


DISTRIBUTED = """
import sys, torch
from pathlib import Path
from training.config import load_train_config
from training.distributed import join_world
from training.trainer import Trainer
with join_world(cuda=False) as world:
    run = load_train_config(Path(sys.argv[1]), ["steps=3"])
    trainer = Trainer(run, Path(sys.argv[2]), world=world)
    trainer.run()
    total = sum(float(p.detach().double().sum()) for p in trainer.network.parameters())
    Path(sys.argv[2], f"rank{world.rank}").write_text(repr(total))
"""


def test_two_processes_under_torchrun_end_with_the_same_weights(
    run_file: Path, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text(DISTRIBUTED)
    folder = tmp_path / "run"
    folder.mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--standalone", str(script), str(run_file), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (folder / "rank0").read_text() == (folder / "rank1").read_text()
    assert "3 steps of 4 crops" in read_header(folder / WEIGHTS).provenance


def test_frozen_statistics_stay_while_the_rest_is_trained(run_file: Path, tmp_path: Path) -> None:
    trainer = Trainer(config(run_file, "steps=2", "freeze_norm=true"), tmp_path)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.run()
    after = trainer.network.state_dict()
    statistics = [name for name in before if "running_" in name]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    norms = [name for name in before if name.endswith("norm.weight")]
    assert any(not torch.equal(before[name], after[name]) for name in norms)


def test_frozen_blocks_stay_whole_while_later_ones_are_trained(
    run_file: Path, tmp_path: Path
) -> None:
    trainer = Trainer(config(run_file, "steps=2", "frozen_blocks=2"), tmp_path)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.run()
    moved = {
        name
        for name, value in trainer.network.state_dict().items()
        if not torch.equal(before[name], value)
    }
    frozen = ("backbone.stem.", "backbone.blocks.0.", "backbone.blocks.1.")
    assert not any(name.startswith(frozen) for name in moved)
    trained = {name for name, parameter in trainer.network.named_parameters()} & moved
    assert {name for name, p in trainer.network.named_parameters() if p.requires_grad} == trained
    assert any(name.startswith("backbone.blocks.2.") for name in trained)


def test_more_frozen_blocks_than_there_are_is_one_sentence(run_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="frozen_blocks is 12, but the backbone has 11 blocks"):
        Trainer(config(run_file, "frozen_blocks=12"), tmp_path)
