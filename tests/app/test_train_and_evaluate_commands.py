"""`ghostpose train` and `ghostpose evaluate` as a user types them, on a tiny set."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from app.cli.evaluate import evaluate, grouping_from
from app.cli.train import train
from ghostpose.errors import UserError
from ghostpose.network.weights import SHIPPED_WEIGHTS, load_network, read_header

if TYPE_CHECKING:
    from pathlib import Path


def command(function: object) -> typer.Typer:
    app = typer.Typer()
    app.command()(function)  # type: ignore[type-var]
    return app


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A picture of a person of noise, labelled."""
    picture = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "one.png"), picture)
    person = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [30, 10, 40, 80],
        "area": 2000,
        "keypoints": [v for k in range(17) for v in (40 + k, 12 + 4 * k, 2)],
        "num_keypoints": 17,
    }
    image = {"id": 1, "file_name": "one.png", "width": 128, "height": 96}
    content = {"images": [image], "annotations": [person]}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return tmp_path


def test_evaluate_prints_the_fixed_line_and_writes_its_report(tiny: Path) -> None:
    arguments = ["--images", str(tiny), "--annotations", str(tiny / "annotations.json")]
    arguments += ["--height", "96", "--engine", "torch", "--weights", str(SHIPPED_WEIGHTS)]
    arguments += ["--flip", "--scales", "1,0.5", "--output", str(tiny / "report"), "--json"]
    done = CliRunner().invoke(command(evaluate), arguments, catch_exceptions=False)
    scores = json.loads(done.stdout.splitlines()[-1])
    assert list(scores)[:9] == [
        *("images", "people", "AP", "AP50", "AP75", "APM", "APL", "AR", "pck"),
    ]
    assert scores["images"] == 1
    assert 0 <= scores["AP"] <= 1
    assert scores["ms"]["network"] > 0
    assert (tiny / "report" / "mistakes.csv").read_text().startswith("keypoint,labelled,good")


def test_evaluate_compares_with_a_teacher(tiny: Path) -> None:
    teacher = SHIPPED_WEIGHTS.with_suffix(".xml")
    if not teacher.is_file():
        pytest.skip("the exported network is not there yet")
    arguments = ["--images", str(tiny), "--annotations", str(tiny / "annotations.json")]
    arguments += ["--height", "96", "--engine", "torch", "--weights", str(SHIPPED_WEIGHTS)]
    arguments += ["--teacher", str(teacher), "--unlabelled", str(tiny), "--json"]
    done = CliRunner().invoke(command(evaluate), arguments, catch_exceptions=False)
    assert json.loads(done.stdout.splitlines()[-1])["agreement"] > 0.97  # it may run in int8


def test_evaluate_records_the_ap_in_the_weights_header_and_changes_nothing_else(
    tiny: Path,
) -> None:
    weights = tiny / "mine.safetensors"
    shutil.copy(SHIPPED_WEIGHTS, weights)
    arguments = ["--images", str(tiny), "--annotations", str(tiny / "annotations.json")]
    arguments += ["--height", "96", "--engine", "torch", "--record", "tiny", "--json"]
    done = CliRunner().invoke(
        command(evaluate), [*arguments, "--weights", str(weights)], catch_exceptions=False
    )
    before, after = read_header(SHIPPED_WEIGHTS), read_header(weights)
    ap = json.loads(done.stdout.splitlines()[-1])["AP"]
    assert after.ap == {**before.ap, "tiny": ap}
    assert after.provenance == before.provenance
    ours, theirs = (load_network(path)[0].state_dict() for path in (SHIPPED_WEIGHTS, weights))
    assert all(tensor.equal(theirs[name]) for name, tensor in ours.items())
    with pytest.raises(UserError, match="say which with --weights"):
        CliRunner().invoke(command(evaluate), arguments, catch_exceptions=False)


def test_a_teacher_without_pictures_to_compare_on_is_refused(tiny: Path) -> None:
    arguments = ["--images", str(tiny), "--annotations", str(tiny / "annotations.json")]
    with pytest.raises(UserError, match="go together"):
        CliRunner().invoke(
            command(evaluate), [*arguments, "--teacher", "x.xml"], catch_exceptions=False
        )


def test_evaluate_tunes_grouping_on_the_set_given(tiny: Path) -> None:
    arguments = ["--images", str(tiny), "--annotations", str(tiny / "annotations.json")]
    arguments += ["--height", "96", "--engine", "torch", "--weights", str(SHIPPED_WEIGHTS)]
    arguments += ["--tune", "--json"]
    done = CliRunner().invoke(command(evaluate), arguments, catch_exceptions=False)
    best = json.loads(done.stdout.splitlines()[-1])
    assert set(best) == {"AP", "grouping"}
    assert "peak_threshold" in best["grouping"]


def test_train_trains_and_resumes(tiny: Path) -> None:
    run = tiny / "run.yaml"
    run.write_text(
        f"name: tiny\ndata:\n  workers: 0\n  crop_px: 64\n  sources:\n    tiny:\n"
        f"      images: {tiny}\n      annotations: {tiny / 'annotations.json'}\n"
        f"batch: 1\nsteps: 2\nlog_every_steps: 1\n"
    )
    arguments = ["--config", str(run), "--folder", str(tiny / "run")]
    first = CliRunner().invoke(command(train), arguments, catch_exceptions=False)
    assert "2 steps" in first.output
    arguments += ["--resume", "--set", "steps=3"]
    second = CliRunner().invoke(command(train), arguments, catch_exceptions=False)
    assert "3 steps" in second.output
    assert "3 steps of 1 crops" in read_header(tiny / "run" / "weights.safetensors").provenance


@pytest.mark.parametrize("setting", ["peak=1", "peak_threshold=high"])
def test_a_wrong_grouping_setting_is_named(setting: str) -> None:
    with pytest.raises(UserError, match=f"--set '{setting}'"):
        grouping_from([setting])


def test_grouping_settings_keep_their_kinds() -> None:
    options = grouping_from(["min_keypoints=5", "peak_threshold=0.2", "matching=greedy"])
    assert (options.min_keypoints, options.peak_threshold, options.matching) == (5, 0.2, "greedy")
