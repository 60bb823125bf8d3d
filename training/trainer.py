"""The training loop: batches in, weights out, and a checkpoint every few minutes on the way."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import torch
from torch import nn

from ghostpose.errors import ConfigError
from ghostpose.network.model import PoseNetwork, TrainingOutputs, normalise
from ghostpose.network.options import preset
from ghostpose.network.weights import WeightsHeader, load_network, save_network
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.data.batches import Batch, CropBatches, distilled, stream
from training.data.sources import Source, open_sources
from training.distillation.teacher import open_teacher
from training.distributed import World
from training.ema import Ema
from training.errors import TrainingError
from training.losses import Losses, compute_losses
from training.optimiser import learning_rate, make_optimisers, set_learning_rate

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from training.config import TrainConfig

_log = logging.getLogger("trainer.Trainer")

CHECKPOINT: Final = "checkpoint.pt"
WEIGHTS: Final = "weights.safetensors"
"""The averaged weights, written with every checkpoint."""

_ENDLESS: Final = 10**9
"""Number of batches of a run whose length is in minutes."""

_TYPES: Final = {"f32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True, eq=False)
class StepReport:
    """What happened in one step, for whoever reports it. `progress` is 0 to 1 of the whole run."""

    step: int
    progress: float
    elapsed_s: float
    learning_rate: float
    gradient_norm: float
    losses: Losses
    batch: Batch
    outputs: TrainingOutputs
    crops: int
    damaged: int


class Reporter(Protocol):
    """Gets every step's report; must not change anything in it."""

    def on_step(self, report: StepReport) -> None:
        """Take note of one step."""


@dataclass(slots=True)
class RunState:
    """What a run counts: steps done, seconds of training, damaged pictures met."""

    step: int = 0
    elapsed_s: float = 0.0
    damaged: set[str] = field(default_factory=set)


class TrainingModule(nn.Module):
    """The network's `forward_training` as a forward, which DDP and compilation wrap."""

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images_nhw3: torch.Tensor, refinements: int) -> TrainingOutputs:
        """uint8 pictures (n, h, w, 3) -> what `PoseNetwork.forward_training` gives of them."""
        images_n3hw = normalise(images_nhw3.permute(0, 3, 1, 2).float())
        return self.network.forward_training(images_n3hw, refinements)


class Trainer:
    """One training run in one process of a world of them."""

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        *,
        world: World | None = None,
        reporters: Sequence[Reporter] = (),
        sources: Sequence[Source] | None = None,
    ) -> None:
        """Read the data and make the network.

        Raises:
            DataError: the data can't be used. WeightsError: the start weights can't.
        """
        self.config, self.folder = config, folder
        self.world = world if world is not None else World()
        self.state = RunState()
        self._reporters = reporters
        self._device = choose_device(config.device, self.world)
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        network, self._origin = start_network(config)
        self.network = network.to(self._device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # no stub
        self._frozen = first_blocks(self.network, config.frozen_blocks)
        for module in self._frozen:
            module.requires_grad_(False)
        self.ema = Ema(self.network, config.ema)
        self._optimisers = make_optimisers(self.network, config.optimiser)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=config.precision == "fp16")
        self._module = self._wrap(TrainingModule(self.network))
        self._sources = tuple(sources) if sources is not None else open_sources(config.data)
        self._batches = CropBatches(
            self._sources,
            size=config.batch,
            crop_px=config.data.crop_px,
            seed=config.seed,
            targets=config.targets,
            taught=config.teacher is not None,
        )
        self._teacher = open_teacher(config.teacher, self._device) if config.teacher else None
        self._steps = self._count_steps()

    def run(self, *, resume: bool = False, stop: threading.Event | None = None) -> RunState:
        """Train to the end or until `stop` is set; either way writes a checkpoint and weights.

        Raises:
            TrainingError: the loss is no number, or a checkpoint can't be written.
            CheckpointError: there is none to resume from, or it is of another network.
        """
        if resume:
            self._restore()
        self.network.train()
        for module in [self.network] if self.config.freeze_norm else self._frozen:
            freeze_norm(module)
        saved_at = started_at = time.monotonic()
        elapsed_before_s = self.state.elapsed_s
        for batch in self._stream():
            self._step(self._taught(batch.to(self._device)), self._progress())
            self.state.step += 1
            self.state.elapsed_s = elapsed_before_s + time.monotonic() - started_at
            if time.monotonic() - saved_at >= self.config.checkpoint_every_s:
                self.save()
                saved_at = time.monotonic()
            if self._progress() >= 1 or (stop is not None and stop.is_set()):
                break
        self.save()
        return self.state

    def save(self) -> None:
        """Write a checkpoint and, beside it, the averaged weights."""
        if not self.world.is_first:
            return
        checkpoint = Checkpoint(
            step=self.state.step,
            elapsed_s=self.state.elapsed_s,
            network=self.network.state_dict(),
            ema=self.ema.network.state_dict(),
            optimisers=[optimiser.state_dict() for optimiser in self._optimisers],
            scaler=self._scaler.state_dict(),
            random=torch.get_rng_state(),
        )
        save_checkpoint(self.folder / CHECKPOINT, checkpoint, self.network.options)
        save_network(self.folder / WEIGHTS, self.ema.network, self._header())

    def _restore(self) -> None:
        checkpoint = load_checkpoint(self.folder / CHECKPOINT, self.network.options)
        self.network.load_state_dict(checkpoint.network)
        self.ema.network.load_state_dict(checkpoint.ema)
        for optimiser, state in zip(self._optimisers, checkpoint.optimisers, strict=True):
            optimiser.load_state_dict(dict(state))
        self._scaler.load_state_dict(dict(checkpoint.scaler))
        torch.set_rng_state(checkpoint.random)
        self.state.step, self.state.elapsed_s = checkpoint.step, checkpoint.elapsed_s

    def _taught(self, batch: Batch) -> Batch:
        """Return the batch with what the teacher, if there is one, says of it."""
        if self._teacher is None:
            return batch
        return distilled(batch, self._teacher.infer(batch.images), self.config.targets.truth)

    def _step(self, batch: Batch, progress: float) -> None:
        """Move the weights once."""
        step, optimiser = self.state.step, self.config.optimiser
        lr = learning_rate(optimiser, step, progress)
        set_learning_rate(self._optimisers, lr)
        dtype = _TYPES[self.config.precision]
        with torch.autocast(self._device.type, dtype, enabled=dtype != torch.float32):
            outputs = self._module(batch.images, self._refinements(progress))
        losses = compute_losses(outputs, batch, self.config.loss)
        for each in self._optimisers:
            each.zero_grad(set_to_none=True)
        self._scaler.scale(losses.total).backward()  # type: ignore[no-untyped-call]
        for each in self._optimisers:
            self._scaler.unscale_(each)
        clipped = nn.utils.clip_grad_norm_(self.network.parameters(), optimiser.clip)
        for each in self._optimisers:
            self._scaler.step(each)
        self._scaler.update()
        self.ema.update(self.network, step)
        # Read last, when a GPU has all of the step's work before it: to read is to wait for it.
        self._require_finite("loss", float(losses.total.detach()))
        norm = float(clipped)
        if not self._scaler.is_enabled():  # the scaler itself skips steps that overflow
            self._require_finite("gradient", norm)
        self._report(batch, outputs, losses, progress, lr, norm)

    def _refinements(self, progress: float) -> int:
        """Return how many refinement stages a step trains: all, or none in the steps between."""
        config = self.config
        all_of_them = self.network.options.refinement_stages
        if progress >= config.refine_always_from or self.state.step % config.refine_every == 0:
            return all_of_them
        return 0

    def _require_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                f"the {what} of step {self.state.step} is {value}: stopped; the checkpoint before "
                f"is kept in {self.folder}; lower optimiser.lr or look at that batch's pictures"
            )

    def _report(
        self,
        batch: Batch,
        outputs: TrainingOutputs,
        losses: Losses,
        progress: float,
        lr: float,
        norm: float,
    ) -> None:
        self.state.damaged.update(batch.damaged)
        state, crops = self.state, self.config.batch * self.world.size
        report = StepReport(
            step=state.step,
            progress=progress,
            elapsed_s=state.elapsed_s,
            learning_rate=lr,
            gradient_norm=norm,
            losses=losses,
            batch=batch,
            outputs=outputs,
            crops=crops,
            damaged=len(state.damaged),
        )
        for reporter in self._reporters:
            reporter.on_step(report)

    def _progress(self) -> float:
        if self._steps is not None:
            return self.state.step / self._steps
        assert self.config.minutes is not None
        return self.state.elapsed_s / (60 * self.config.minutes)

    def _count_steps(self) -> int | None:
        if self.config.epochs is None:
            return self.config.steps
        pictures = sum(len(source.pictures) for source in self._sources)
        return max(1, round(self.config.epochs * pictures / (self.config.batch * self.world.size)))

    def _stream(self) -> Any:
        size = self.world.size
        last = _ENDLESS if self._steps is None else self._steps
        return stream(
            self._batches,
            first=self.state.step * size + self.world.rank,
            last=last * size,
            stride=size,
            workers=self.config.data.workers,
            pinned=self._device.type == "cuda",
        )

    def _wrap(self, module: nn.Module) -> nn.Module:
        if self.world.size > 1:
            devices = [self._device.index] if self._device.type == "cuda" else None
            module = nn.parallel.DistributedDataParallel(
                module, device_ids=devices, find_unused_parameters=self.config.refine_every > 1
            )
        if self.config.compile:
            module.compile()
        return module

    def _header(self) -> WeightsHeader:
        """Return the header of the run's weights: their history is the start's and this run."""
        config, state = self.config, self.state
        teacher = f", teacher {config.teacher.network.name}" if config.teacher else ""
        return WeightsHeader(
            options=self.network.options,
            paf_offset_cells=config.targets.paf_offset_cells,
            provenance=(
                f"{self._origin}; then ghostpose train, run {config.name!r}: {state.step} steps of "
                f"{config.batch * self.world.size} crops of {config.data.crop_px} px, "
                f"{state.elapsed_s / 60:.0f} minutes{teacher}"
            ),
        )


def start_network(config: TrainConfig) -> tuple[PoseNetwork, str]:
    """Return the network to train, random or from `network.start`, and where it comes from."""
    options = preset(config.network.preset)
    if config.network.start is None:
        return PoseNetwork(options), "random weights"
    network, header = load_network(config.network.start.expanduser(), expected=options)
    return network.requires_grad_(True), header.provenance


def first_blocks(network: PoseNetwork, count: int) -> list[nn.Module]:
    """Return the stem and the first `count` bottlenecks; nothing if `count` is 0.

    Raises:
        ConfigError: the backbone has not so many.
    """
    stem, blocks = network.backbone.stem, network.backbone.blocks
    if count > len(blocks):
        raise ConfigError(f"frozen_blocks is {count}, but the backbone has {len(blocks)} blocks")
    return [stem, *blocks[:count]] if count else []


def freeze_norm(network: nn.Module) -> None:
    """Have every batch norm use, and leave, the statistics it has; the rest goes on training."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def choose_device(wanted: str, world: World) -> torch.device:
    """Return the device to train on; `auto` takes CUDA where there is one.

    Raises:
        TrainingError: CUDA is wanted and there is none.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise TrainingError("device cuda is wanted, but torch finds no CUDA device: use device=cpu")
    return torch.device("cuda", world.local_rank)
