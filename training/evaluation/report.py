"""Writes an evaluation for people to look at: results, curve, best and worst pictures, mistakes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.drawing import contact_sheet, draw_people
from training.data.pictures import read_picture
from training.evaluation.evaluate import summary
from training.evaluation.mistakes import MISTAKES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.evaluation.evaluate import Evaluation
    from training.evaluation.scores import Scores

_ON_A_SHEET: Final = 12
_COLUMNS: Final = 4
_SHOWN_THRESHOLDS: Final = {0: "OKS 0.50", 5: "OKS 0.75", 9: "OKS 0.95"}


def write_report(folder: Path, evaluation: Evaluation) -> None:
    """Write `results.json`, `summary.json`, `mistakes.csv`, `precision-recall.png` and sheets."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(evaluation.results))
    (folder / "summary.json").write_text(json.dumps(summary(evaluation), indent=2))
    (folder / "mistakes.csv").write_text(mistakes_csv(evaluation))
    plot_precision_recall(folder / "precision-recall.png", evaluation.scores)
    by_similarity = sorted(evaluation.similarity, key=lambda path: evaluation.similarity[path])
    _write_sheet(folder / "worst.jpg", evaluation, by_similarity[:_ON_A_SHEET])
    _write_sheet(folder / "best.jpg", evaluation, by_similarity[::-1][:_ON_A_SHEET])


def mistakes_csv(evaluation: Evaluation) -> str:
    """Return the table of mistakes: a row a key point, labels and the share of each kind."""
    lines = [",".join(("keypoint", "labelled", *MISTAKES))]
    shares = evaluation.mistakes.shares()
    for name, counts in evaluation.mistakes.counts.items():
        row = (f"{shares[name][mistake]:.4f}" for mistake in MISTAKES)
        lines.append(",".join((name, str(sum(counts.values())), *row)))
    return "\n".join(lines) + "\n"


def plot_precision_recall(path: Path, scores: Scores) -> None:
    """Draw precision over recall at three OKS thresholds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    recall_r = np.linspace(0, 1, scores.precision_tr.shape[1])
    for threshold, label in _SHOWN_THRESHOLDS.items():
        axes.plot(recall_r, scores.precision_tr[threshold], label=label)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"key points, AP {scores.ap:.3f}")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def _write_sheet(path: Path, evaluation: Evaluation, shown: Sequence[Path]) -> None:
    """Write pictures with what was found in them; captions give the mean OKS of their people."""
    if not shown:
        return
    people = {prediction.path: prediction.people for prediction in evaluation.predictions.found}
    sheet = contact_sheet(
        [draw_people(read_picture(each), people[each], labels=False) for each in shown],
        columns=min(_COLUMNS, len(shown)),
        captions=[f"{each.stem}  OKS {evaluation.similarity[each]:.2f}" for each in shown],
    )
    cv2.imwrite(str(path), sheet)
