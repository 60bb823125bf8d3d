"""Checkpoints: everything a run needs to go on as if it had never stopped.

Written in one step beside the old one, so that a kill or a full disk leaves the old one whole.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from training.errors import CheckpointError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ghostpose.network.options import NetworkOptions

FORMAT: Final = 1
"""Grows when the content changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A run's state after `step` steps and `elapsed_s` seconds of training.

    The data position is `step` x batch x processes; `random` is torch's generator state.
    """

    step: int
    elapsed_s: float
    network: Mapping[str, Any]
    ema: Mapping[str, Any]
    optimisers: list[Mapping[str, Any]]
    scaler: Mapping[str, Any]
    random: torch.Tensor


def save_checkpoint(path: Path, checkpoint: Checkpoint, options: NetworkOptions) -> None:
    """Write a checkpoint, replacing an older one in one step.

    Raises:
        TrainingError: the disk is full or refuses; the older checkpoint is still there.
    """
    content = {field: getattr(checkpoint, field) for field in Checkpoint.__slots__}
    content |= {"format": FORMAT, "options": asdict(options)}
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch wraps a full disk in a RuntimeError
        with suppress(OSError):  # which would hide the reason
            partial.unlink()
        kept = f"; the one before is kept at {path}" if path.exists() else ""
        raise TrainingError(f"checkpoint {path} can't be written: {error}{kept}") from error


def load_checkpoint(path: Path, options: NetworkOptions) -> Checkpoint:
    """Read a checkpoint of a network of these options.

    Raises:
        CheckpointError: it is missing, damaged, or of another network.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}: start without --resume") from error
    except Exception as error:
        raise CheckpointError(f"checkpoint {path} is damaged or none: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise CheckpointError(f"checkpoint {path} is not of format {FORMAT}: start anew")
    theirs = content.pop("options")
    if theirs != asdict(options):
        raise CheckpointError(
            f"checkpoint {path} is of another network: wanted {asdict(options)}, got {theirs}"
        )
    return Checkpoint(**content)
