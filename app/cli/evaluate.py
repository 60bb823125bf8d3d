"""`ghostpose evaluate`: COCO's key point scores of weights, and what goes wrong."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ghostpose.errors import EngineError, UserError

if TYPE_CHECKING:
    from postprocess.grouping import GroupingOptions
    from training.evaluation.evaluate import Evaluation, LabelledSet
    from training.evaluation.predict import ViewOptions
    from workers.engines import Engine

EXAMPLES: Final = (
    "Example: ghostpose evaluate --images coco/val2017 "
    "--annotations coco/annotations/person_keypoints_val2017.json --output evaluation"
)


def evaluate(
    images: Annotated[Path, typer.Option(help="Folder of the pictures.")],
    annotations: Annotated[Path, typer.Option(help="COCO-keypoints JSON.")],
    height: Annotated[int, typer.Option(help="Height of the network's input.")] = 368,
    weights: Annotated[
        Path | None, typer.Option(help="Weights or network; ghostpose's own if not given.")
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, f32, f16, bf16 or int8.")] = "auto",
    threads: Annotated[int, typer.Option(help="Processor threads; 0 takes all.")] = 0,
    paf_offset_cells: Annotated[
        float | None, typer.Option(help="PAF offset of a network that says nothing of its own.")
    ] = None,
    scales: Annotated[
        str, typer.Option(help="Heights relative to --height, with commas; maps are averaged.")
    ] = "1",
    flip: Annotated[bool, typer.Option("--flip", help="Average in the mirrored picture.")] = False,
    only: Annotated[
        Path | None, typer.Option(help="File of picture names, one a line, to evaluate on.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a grouping option, such as peak_threshold=0.1."),
    ] = None,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Search grouping options on this set: training pictures!"),
    ] = False,
    teacher: Annotated[
        Path | None, typer.Option(help="Network to compare maps with, on --unlabelled pictures.")
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures without labels (--only holds there too)."),
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="Write the AP into the weights' header under this name.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for results, curve, sheets, mistakes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one line.")] = False,
) -> None:
    """Score weights on labelled pictures: AP, AR, PCK, and what goes wrong by key point."""
    for module in ("pycocotools", "cv2", "numba"):
        if importlib.util.find_spec(module) is None:
            raise EngineError(f"ghostpose evaluate needs {module}: pip install 'ghostpose[train]'")
    from training.data.sources import read_held_out
    from training.evaluation.evaluate import read_set, summary
    from training.evaluation.predict import ViewOptions
    from workers.engines import create_engine

    if (teacher is None) != (unlabelled is None):
        raise UserError("--teacher and --unlabelled go together: give both or neither")
    if record is not None and weights is None:
        raise UserError("--record changes a weights file: say which with --weights")
    view = ViewOptions(height, _numbers(scales), flip)
    grouping = grouping_from(settings or [])
    names = read_held_out(only) if only else frozenset[str]()
    labelled = read_set(images, annotations, names)
    made = create_engine(
        engine,
        weights=weights,
        precision=precision,  # type: ignore[arg-type] # checked there
        threads=threads,
        paf_offset_cells=paf_offset_cells,
    )
    if tune:
        _tune(made, labelled, view, grouping, as_json=as_json)
        return
    evaluation = _evaluate(made, labelled, view, grouping)
    if output is not None:
        from training.evaluation.report import write_report

        write_report(output, evaluation)
    scores = summary(evaluation)
    if record is not None and weights is not None:
        from training.evaluation.record import record_ap

        record_ap(weights, record, scores["AP"])
    if teacher is not None and unlabelled is not None:
        teaching = create_engine("openvino", weights=teacher, threads=threads)
        scores["agreement"] = _agreement(made, teaching, unlabelled, names, view)
    for path in evaluation.predictions.damaged:
        typer.echo(f"skipped, damaged: {path}", err=True)
    _show(scores, as_json=as_json)


def _agreement(
    engine: Engine, teacher: Engine, folder: Path, names: frozenset[str], view: ViewOptions
) -> float:
    from training.data.folders import picture_key, read_folder
    from training.evaluation.agreement import mean_agreement

    pictures = read_folder(folder)
    paths = [p.path for p in pictures if not names or picture_key(p.path) in names]
    return round(mean_agreement(engine, teacher, paths, view), 4)


def grouping_from(settings: list[str]) -> GroupingOptions:
    """Return grouping options with `name=value` changes.

    Raises:
        UserError: a name is unknown or its value is none.
    """
    from postprocess.grouping import GroupingOptions

    defaults = dataclasses.asdict(GroupingOptions())
    changes: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in defaults:
            raise UserError(f"--set {setting!r}: grouping has {', '.join(defaults)}")
        try:
            changes[name] = type(defaults[name])(text)
        except ValueError as error:
            raise UserError(f"--set {setting!r}: {text!r} is no value of {name}") from error
    return GroupingOptions(**{**defaults, **changes})


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--scales {text!r} is no list of numbers, such as 0.5,1,1.5") from error


def _evaluate(
    engine: Engine, labelled: LabelledSet, view: ViewOptions, grouping: GroupingOptions
) -> Evaluation:
    from rich.console import Console
    from rich.progress import Progress

    from training.evaluation.evaluate import evaluate_engine

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{engine.name} {engine.precision}", total=len(labelled.files))
        return evaluate_engine(
            engine, labelled, view, grouping, on_done=lambda: progress.advance(task)
        )


def _tune(
    engine: Engine,
    labelled: LabelledSet,
    view: ViewOptions,
    grouping: GroupingOptions,
    *,
    as_json: bool,
) -> None:
    from training.evaluation.tuning import Trial, tune_grouping

    def tell(trial: Trial) -> None:
        if not as_json:
            typer.echo(f"{trial.name} {trial.value:g}: AP {trial.ap:.4f}")

    best, ap = tune_grouping(engine, labelled, view, grouping, tell)
    typer.echo(json.dumps({"AP": round(ap, 4), "grouping": dataclasses.asdict(best)}))


def _show(scores: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(scores))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("score", "value")
    for name, value in scores.items():
        table.add_row(name, json.dumps(value))
    Console().print(table)
