"""`ghostpose train`: train the network from a configuration, or go on from a checkpoint."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ghostpose.errors import EngineError

if TYPE_CHECKING:
    from training.config import TrainConfig
    from training.trainer import Reporter

EXAMPLES: Final = (
    "Example: ghostpose train --config configs/training/distill.yaml --set minutes=60;"
    " on two GPUs: torchrun --nproc-per-node 2 -m app.cli.main train --config "
    "configs/training/coco.yaml"
)


def train(
    config: Annotated[Path, typer.Option(help="The run's YAML, see configs/training.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: key=value, such as optimiser.lr=1e-3."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where checkpoints go; $XDG_CACHE_HOME/ghostpose/training/NAME if not given."
        ),
    ] = None,
) -> None:
    """Train the network; stops at the configuration's end, or with a checkpoint on Ctrl-C."""
    if importlib.util.find_spec("torch") is None:
        raise EngineError("ghostpose train needs torch: pip install 'ghostpose[train]'")
    from training.config import load_train_config, run_folder

    run = load_train_config(config, changes or [])
    _train(run, folder if folder is not None else run_folder(run.name), resume=resume)


def _train(run: TrainConfig, folder: Path, *, resume: bool) -> None:
    import torch

    from app.cli.training_progress import progress_bar
    from ghostpose.stopping import stop_on_signals
    from training.board import Board
    from training.distributed import join_world
    from training.reporting import AverageReporter
    from training.trainer import Trainer

    cuda = torch.cuda.is_available() and run.device != "cpu"
    with (
        join_world(cuda=cuda) as world,
        progress_bar(run.name, shown=world.is_first) as show,
        stop_on_signals() as stop,
        ExitStack() as closing,
    ):
        reporters: list[Reporter] = []
        if world.is_first:
            board = Board(
                folder / "board",
                pictures_every_steps=run.pictures_every_steps,
                paf_offset_cells=run.targets.paf_offset_cells,
            )
            closing.callback(board.close)
            averages = (show, board.show)
            reporters = [AverageReporter(run.log_every_steps, *averages), board]
        trainer = Trainer(run, folder, world=world, reporters=reporters)
        state = trainer.run(resume=resume, stop=stop)
    if world.is_first:
        typer.echo(f"{state.step} steps, {state.elapsed_s / 60:.1f} minutes; weights in {folder}")
