"""`ghostpose evaluate-tracking`: tracks held against ground truth, by the standard scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from app.track_evaluation.detection import Detected, Sequence
    from app.track_evaluation.truth import Truth
    from workers.engines import Engine

EXAMPLES: Final = (
    "Examples: ghostpose evaluate-tracking clip.avi --truth gt.txt --height 576; "
    "ghostpose evaluate-tracking MOT15/train/TUD-Campus/img1 "
    "--truth MOT15/train/TUD-Campus/gt/gt.txt --every 1,3 --json"
)


def evaluate_tracking(
    source: Annotated[
        str, typer.Argument(metavar="CLIP|FRAMES", help="Video file or folder of pictures")
    ],
    truth: Annotated[
        Path, typer.Option(metavar="FILE", help="Ground truth: MOTChallenge's gt.txt")
    ],
    height: options.Height = None,
    every: Annotated[
        str,
        typer.Option(
            metavar="N,...",
            help="Look at every so many-th frame only; of several, one after another",
        ),
    ] = "1",
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frames a second [default: the clip's own clock, or seqinfo.ini beside a folder]"
        ),
    ] = None,
    engine: options.Engine = None,
    device: options.Device = None,
    precision: options.Precision = None,
    weights: options.Weights = None,
    paf_offset_cells: Annotated[
        float | None, typer.Option(help="PAF offset of a network that says nothing of its own")
    ] = None,
    threads: options.Threads = None,
    as_json: options.AsJson = False,
) -> None:
    """Score tracks on a sequence with ground truth: HOTA, IDF1, MOTA, id switches."""
    from app.settings import read_config, updated
    from app.track_evaluation.detection import Sequence
    from app.track_evaluation.evaluate import evaluate_tracks, summary
    from app.track_evaluation.greedy import GreedyMatcher
    from app.track_evaluation.truth import read_truth
    from ghostpose.config import CameraConfig
    from ghostpose.errors import UserError
    from postprocess.tracking import Tracker
    from workers.engines import create_engine

    rates = rates_in(every)
    if fps is not None and not 0 < fps <= 1000:
        raise UserError(f"--fps {fps:g} is no frame rate: wanted more than 0, at most 1000")
    given = {"engine": engine, "device": device, "precision": precision, "weights": weights}
    chosen = read_config(None, inference={**given, "threads": threads}).inference
    rows = updated(CameraConfig(name="sequence", source=source), {"height": height}).height
    true = read_truth(truth)
    network = create_engine(
        chosen.engine,
        weights=chosen.weights,
        device=chosen.device,
        precision=chosen.precision,
        threads=chosen.threads,
        paf_offset_cells=paf_offset_cells,
    )
    sequence = Sequence(source, rows, fps, rates)
    detected = _detected(network, sequence, true)
    for rate in rates:
        evaluation = evaluate_tracks(detected, true, rate, Tracker("sequence"), GreedyMatcher())
        _show(summary(evaluation), as_json=as_json)


def rates_in(text: str) -> tuple[int, ...]:
    """Return the numbers in `1,2,3`.

    Raises:
        UserError: it is no list of whole numbers from 1.
    """
    from ghostpose.errors import UserError

    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) >= 1 for part in parts):
        raise UserError(f"--every {text!r} is no list of whole numbers from 1, such as 1,2,3")
    return tuple(int(part) for part in parts)


def _detected(engine: Engine, sequence: Sequence, truth: Truth) -> list[Detected]:
    """Return what is found in each frame; a bar on stderr says how far it has come."""
    from rich.console import Console
    from rich.progress import Progress

    from app.track_evaluation.detection import detect
    from postprocess.grouping import GroupingOptions

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{engine.name} {engine.precision}", total=truth.last)
        detected = []
        for frame in detect(engine, sequence, truth.last, GroupingOptions()):
            progress.update(task, completed=frame.number)
            detected.append(frame)
    return detected


def _show(scores: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(scores))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("score", "tracks", "greedy matcher")
    greedy = scores.pop("greedy")
    for name, value in scores.items():
        table.add_row(name, json.dumps(value), json.dumps(greedy[name]) if name in greedy else "")
    Console().print(table)
