"""Exports: what others' programs read from them is what was stored."""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas
import pytest
from job_support import FIRST, SECOND, Command
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from app.jobs import exports
from app.jobs.exports import export
from app.jobs.exports.rows import COLUMNS
from app.jobs.progress import Progress
from app.jobs.requests import ExportResults, Selection
from app.track_evaluation.truth import read_truth
from ghostpose.errors import DiskError

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE_A_SESSION = 64
"""Two in each of 40 frames, but for each fifth."""


def rows_in(path: Path) -> Any:
    if path.suffix == ".parquet":
        return pandas.read_parquet(path)
    return pandas.read_csv(path)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_pandas_reads_a_row_a_person_with_missing_key_points_as_nan(
    suffix: str, store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    path = tmp_path / f"poses.{suffix}"
    told = ghostpose("export-results", "--store", store_url, "--output", path)
    assert "192 people in 120 frames" in told
    table = rows_in(path)
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 3 * PEOPLE_A_SESSION
    one = table[(table.camera == "hall") & (table.session == SECOND) & (table.seq == 7)].iloc[0]
    assert one.track == "hall-1"
    assert (one.nose_x, one.nose_y) == (17.0, 100.0)
    assert one.captured_at == pytest.approx(1_700_000_100.7)
    assert one.media_time == pytest.approx(0.7)
    assert np.isnan(one.right_wrist_x)
    assert table.left_ankle_score.to_numpy() == pytest.approx(0.8, abs=0.003)


def test_parquet_and_csv_hold_the_same(store_url: str, ghostpose: Command, tmp_path: Path) -> None:
    for name in ("a.parquet", "a.csv"):
        ghostpose("export-results", "--store", store_url, "--output", tmp_path / name)
    ours, theirs = rows_in(tmp_path / "a.parquet"), rows_in(tmp_path / "a.csv")
    pandas.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "people"),
    [
        pytest.param(("--camera", "door"), 64, id="a camera"),
        pytest.param(("--camera", "door", "--camera", "hall"), 192, id="two cameras"),
        pytest.param(("--session", str(SECOND)), 64, id="a session"),
        pytest.param(("--since", "2023-11-14T22:15:00+00:00"), 64, id="from a time on"),
        pytest.param(("--until", "2023-11-14T22:13:21+00:00"), 2 * 16, id="until before a time"),
        pytest.param(
            ("--since", "2023-11-14T22:13:20.5Z", "--until", "2023-11-14T22:13:21Z"),
            2 * 8,
            id="half a second",
        ),
    ],
)
def test_only_what_is_selected_is_written(
    options: tuple[str, ...], people: int, store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    output = tmp_path / "some.csv"
    told = ghostpose("export-results", "--store", store_url, "--output", output, "--json", *options)
    assert json.loads(told)["people"] == people
    assert len(output.read_text().splitlines()) == 1 + people


def test_pycocotools_reads_images_and_key_points(
    store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    path = tmp_path / "hall.json"
    ghostpose("export-results", "--camera", "hall", "--store", store_url, "--output", path)
    with redirect_stdout(StringIO()):
        read = COCO(str(path))
        scores = evaluated(read)
    assert len(read.imgs) == 80, "frames with nobody, too"
    assert len(read.anns) == 2 * PEOPLE_A_SESSION
    (image,) = (i for i in read.imgs.values() if (i["session"], i["seq"]) == (FIRST, 7))
    assert (image["width"], image["height"]) == (640, 480)
    left, right = read.loadAnns(read.getAnnIds(imgIds=[image["id"]]))
    assert left["keypoints"][:3] == [17.0, 100.0, 2]
    assert left["num_keypoints"] == 16, "one of COCO's 17 was not seen"
    assert left["bbox"] == [17.0, 95.0, 40.0, 100.0]
    assert [left["track"], right["track"]] == ["hall-1", "hall-2"]
    assert scores[0] == pytest.approx(1.0)


def evaluated(read: Any) -> Any:
    """Score the annotations against themselves, as results."""
    judge = COCOeval(read, read.loadRes(list(read.anns.values())), "keypoints")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return judge.stats


def test_mot_is_read_as_tracking_scores_read_it(
    store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    path = tmp_path / "hall.txt"
    chosen = ("--camera", "hall", "--session", str(SECOND))
    ghostpose("export-results", *chosen, "--store", store_url, "--output", path)
    first = path.read_text().splitlines()[0]
    assert first == "1,1,10.00,95.00,40.00,100.00,0.7500,-1,-1,-1"
    read = read_truth(path)
    assert len(read.frames) == 32
    np.testing.assert_allclose(read.at(8).box_t4, [[17, 95, 40, 100], [293, 95, 40, 100]])
    np.testing.assert_array_equal(read.at(8).person_t, [0, 1])


def test_mot_of_several_sessions_is_a_file_each(
    store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    one = ("export-results", "--store", store_url, "--output")
    assert "MOT has one session a file, and 3 are" in ghostpose(*one, tmp_path / "a.txt", code=2)
    ghostpose(*one, tmp_path / "mot", "--format", "mot")
    assert {path.name for path in (tmp_path / "mot").iterdir()} == {
        f"hall-{FIRST}.txt",
        f"hall-{SECOND}.txt",
        f"door-{FIRST}.txt",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--output", "a.xls"], "add --format parquet, csv, coco, mot", id="no suffix"),
        pytest.param(["--output", "a.csv", "--format", "xls"], "no such format", id="no format"),
        pytest.param(["--output", "a.csv", "--camera", "attic"], "no camera 'attic'", id="camera"),
        pytest.param(
            ["--output", "a.csv", "--session", "5"], "no poses of all cameras", id="empty"
        ),
        pytest.param(["--output", "a.csv", "--since", "soon"], "this is no time", id="no time"),
        pytest.param(
            ["--output", "a.csv", "--since", "2026-01-02", "--until", "2026-01-01"],
            "--since must be before",
            id="backwards",
        ),
        pytest.param(["--output", "."], "add --format", id="a folder"),
        pytest.param(["--output", "nowhere/a.csv"], "can't be written there", id="no folder"),
        pytest.param(["--output", "a.csv", "--wait"], "add --queue", id="waiting for nothing"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_file(
    arguments: list[str],
    words: str,
    store_url: str,
    ghostpose: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = ghostpose("export-results", "--store", store_url, *arguments, code=2)
    assert words in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_not_there_is_told_and_not_made(ghostpose: Command, tmp_path: Path) -> None:
    said = ghostpose(
        "export-results", "--store", f"sqlite:///{tmp_path}/no.sqlite", "--output", "a.csv", code=2
    )
    assert "no.sqlite" in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    assert "--store URL" in ghostpose("export-results", "--output", "a.csv", code=2)


def test_parquet_without_pyarrow_says_what_to_install(
    store_url: str, ghostpose: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    output = tmp_path / "a.parquet"
    said = ghostpose("export-results", "--store", store_url, "--output", output, code=2)
    assert "pip install 'ghostpose[export]'" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["poses.csv", "poses.json", "poses.parquet"])
def test_a_full_disk_ends_an_export_with_a_sentence_and_the_former_file(
    name: str, store_url: str, small_disk: Path
) -> None:
    output = small_disk / name
    output.write_text("the former")
    request = ExportResults(
        selection=Selection(), format=exports.format_of(None, output), output=output
    )
    with pytest.raises(DiskError, match=r"No space left on device; nothing is left"):
        export.export_results(request, store_url, Progress())
    assert output.read_text() == "the former"
    assert [path.name for path in small_disk.iterdir()] == [name]


def test_what_is_no_file_is_not_replaced_by_one(
    store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    said = ghostpose("export-results", "--store", store_url, "--output", pipe, code=2)
    assert "this is no file" in said
    assert pipe.is_fifo()
