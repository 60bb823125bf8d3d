"""A training run's configuration: one YAML file, and `key=value` changes to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ghostpose.errors import ConfigError
from training.data.batches import TargetConfig
from training.data.sources import DataConfig  # noqa: TC001 - pydantic reads it
from training.distillation.teacher import TeacherConfig  # noqa: TC001 - pydantic reads it
from training.losses import LossConfig
from training.optimiser import OptimiserConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN_NAME: Final = r"[A-Za-z0-9_.-]{1,64}"


class NetworkConfig(BaseModel):
    """Which network is trained, and from where it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str = "pose"
    """Name of the network's options (`ghostpose complexity` lists them)."""

    start: Path | None = None
    """Weights file to start from; without it training starts from random weights."""


class TrainConfig(BaseModel):
    """Everything that defines a training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{RUN_NAME}$")
    """Names the run's folder of checkpoints."""

    network: NetworkConfig = NetworkConfig()
    data: DataConfig
    targets: TargetConfig = TargetConfig()
    teacher: TeacherConfig | None = None
    """The teacher of a distillation; without it only labels teach."""

    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig = OptimiserConfig()

    batch: int = Field(default=8, ge=1)
    """Crops a step and process."""

    epochs: float | None = Field(default=None, gt=0)
    """Length of the run as passes over as many crops as there are pictures ..."""

    steps: int | None = Field(default=None, ge=1)
    """... or as steps ..."""

    minutes: float | None = Field(default=None, gt=0)
    """... or as minutes of training, for a machine whose speed is not its own: the learning rate
    then follows the clock, and pauses between a kill and a resumption do not count."""

    refine_every: int = Field(default=1, ge=1)
    """Refinement stages are trained in every so manyth step only: they are half of a step's work,
    and the backbone below them learns slowest."""

    refine_always_from: float = Field(default=0.7, ge=0, le=1)
    """Share of the run from which on every step trains them."""

    ema: float = Field(default=0.998, ge=0, lt=1)
    """Decay of the averaged weights, which are the run's result."""

    freeze_norm: bool = False
    """Keep batch norm's statistics as the start has them. Those of small batches are strange to a
    network that large ones trained: its loss was five times as high by those of 16 crops, and the
    same by those of 64."""

    frozen_blocks: int = Field(default=0, ge=0)
    """Leave the stem and so many of the backbone's first bottlenecks as the start has them, batch
    norm included: large maps of few channels, which learn least and cost processors most. 4 are
    those below stride 8."""

    seed: int = 0

    device: Literal["auto", "cpu", "cuda"] = "auto"

    precision: Literal["f32", "bf16", "fp16"] = "f32"
    """Autocast type; fp16 scales the loss, and needs CUDA."""

    compile: bool = False
    """Compile the network (slow to start; worth it on GPUs and where bf16 is)."""

    threads: int = Field(default=0, ge=0)
    """Processor threads of the training process; 0 takes torch's default."""

    log_every_steps: int = Field(default=10, ge=1)
    """How often losses go to TensorBoard and the log."""

    pictures_every_steps: int = Field(default=200, ge=1)
    """How often pictures of maps and poses go to TensorBoard."""

    checkpoint_every_s: float = Field(default=300.0, gt=0)
    """How often a checkpoint is written: a kill loses at most this much."""

    def model_post_init(self, _: Any) -> None:
        """Check that the run has exactly one length, and offsets that agree."""
        lengths = [self.epochs, self.steps, self.minutes]
        if sum(length is not None for length in lengths) != 1:
            raise ValueError("give exactly one of epochs, steps and minutes")
        if self.teacher and self.teacher.paf_offset_cells != self.targets.paf_offset_cells:
            raise ValueError(
                f"targets.paf_offset_cells {self.targets.paf_offset_cells} is not the teacher's "
                f"{self.teacher.paf_offset_cells}: labels and teacher would contradict each other"
            )


def load_train_config(path: Path, changes: Sequence[str] = ()) -> TrainConfig:
    """Read a run's YAML and apply `key=value` changes, keys dotted, values as YAML.

    Raises:
        ConfigError: the file can't be read, or a key or value is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"training config {path} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"training config {path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"training config {path} is no mapping of settings")
    for change in changes:
        _apply(content, change)
    try:
        return TrainConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"training config {path}: {where or 'settings'}: {first['msg']}"
        ) from error


def run_folder(name: str) -> Path:
    """Return where a run keeps its checkpoints: `$XDG_CACHE_HOME/ghostpose/training/NAME`."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "ghostpose" / "training" / name


def _apply(content: dict[str, Any], change: str) -> None:
    """Set a dotted key of nested mappings to a value written as YAML."""
    key, separator, text = change.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {change!r} is not key=value, such as optimiser.lr=1e-3")
    *path, last = key.split(".")
    for name in path:
        inner = content.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {change!r}: {name!r} holds no settings but a value")
        content = inner
    try:
        content[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {change!r}: {text!r} is no YAML value") from error
