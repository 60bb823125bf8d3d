"""Grouping of a real network's maps: accuracy on labelled training pictures must not fall."""

from __future__ import annotations

from pathlib import Path

import pytest

from postprocess.grouping import GroupingOptions
from training.data.pictures import read_picture
from training.evaluation.evaluate import judge, read_set
from training.evaluation.predict import Prediction, Predictions, ViewOptions, look_at, people_of
from workers.engines import create_engine

DATA = Path(__file__).parents[4] / "shared" / "data"
TEACHER = DATA / "teacher" / "lightweight-openpose-int8.xml"
COCO = DATA / "train" / "coco"
PICTURES = 40


@pytest.mark.data
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not (TEACHER.exists() and COCO.is_dir()), reason="needs ../shared/data, not shipped"
)
def test_defaults_keep_the_teachers_accuracy_and_the_classic_choices_lose_some() -> None:
    whole = read_set(COCO / "images", COCO / "annotations.json")
    several = [i for i in sorted(whole.files) if len(whole.people_in(i)) >= 2][:PICTURES]
    labelled = read_set(
        COCO / "images", COCO / "annotations.json", only={whole.files[i].name for i in several}
    )
    engine = create_engine(weights=TEACHER, paf_offset_cells=0.4375)
    views = {
        path: look_at(engine, read_picture(path), ViewOptions()) for path in labelled.files.values()
    }

    def ap(options: GroupingOptions) -> float:
        found = [Prediction(path, people_of(view, options), 0, 0) for path, view in views.items()]
        return judge(labelled, Predictions(found)).scores.ap

    best = ap(GroupingOptions())
    assert best > 0.418  # it was 0.425; integer networks differ a little between processors
    assert best > ap(GroupingOptions(matching="greedy"))
    assert best > ap(GroupingOptions(peak_threshold=0.1))
    assert best > ap(GroupingOptions(sample_threshold=0.1))
