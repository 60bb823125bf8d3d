"""`ghostpose evaluate-tracking` as a user runs it, on people who stand where the stub sees them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.cli.main import main as ghostpose
from app.track_evaluation.detection import Sequence, detect
from ghostpose.errors import DataError
from postprocess.grouping import GroupingOptions
from workers.engines import create_engine

DATA = Path(__file__).parents[4] / "shared" / "data"
TUD = DATA / "tracking" / "TUD-Campus"
TEACHER = DATA / "teacher" / "lightweight-openpose-int8.xml"
FRAMES = 6


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        ghostpose(["evaluate-tracking", *arguments])
    out, err = capfd.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """A folder as MOTChallenge lays it out; its truth is what the stub engine finds."""
    frames = tmp_path / "img1"
    frames.mkdir()
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nframeRate=25\n", encoding="utf-8")
    for number in range(1, FRAMES + 1):
        cv2.imwrite(str(frames / f"{number:06}.png"), np.full((240, 320, 3), 90, np.uint8))
    found = list(detect(create_engine("stub:0"), stub(frames), FRAMES, GroupingOptions()))
    lines = [
        f"{frame.number},{1 + index},{','.join(f'{side:.2f}' for side in person.box)},1\n"
        for frame in found
        for index, person in enumerate(frame.people)
    ]
    (tmp_path / "gt.txt").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def stub(frames: Path, **changes: float) -> Sequence:
    return Sequence(str(frames), 240, **changes)


def test_the_last_line_has_the_scores_and_what_stands_still_is_tracked_perfectly(
    sequence: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(sequence / "img1"), "--truth", str(sequence / "gt.txt"), "--height", "240"]
    code, out, _ = run(capfd, *arguments, "--engine", "stub:0", "--json")
    assert code == 0
    scores = json.loads(out.splitlines()[-1])
    assert {"HOTA", "IDF1", "MOTA", "id_switches", "greedy"} <= set(scores)
    assert (scores["IDF1"], scores["MOTA"], scores["id_switches"]) == (1, 1, 0)
    assert (scores["people"], scores["tracks"], scores["frames"]) == (3, 3, FRAMES)
    assert scores["greedy"]["IDF1"] == 1


def test_every_third_frame_is_judged_by_its_own_truth(
    sequence: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(sequence / "img1"), "--truth", str(sequence / "gt.txt"), "--height", "240"]
    code, out, _ = run(capfd, *arguments, "--engine", "stub:0", "--every", "3")
    assert code == 0
    assert "HOTA" in out
    code, out, _ = run(capfd, *arguments, "--engine", "stub:0", "--every", "1,2,3", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["every"] for line in lines] == [1, 2, 3]
    assert [line["frames"] for line in lines] == [FRAMES, FRAMES / 2, FRAMES / 3]
    assert all(line["IDF1"] == 1 for line in lines)


def test_frames_have_the_rate_that_seqinfo_tells_unless_another_is_given(sequence: Path) -> None:
    engine, frames = create_engine("stub:0"), sequence / "img1"
    told = [f.media_time for f in detect(engine, stub(frames), 3, GroupingOptions())]
    assert told == pytest.approx([0, 1 / 25, 2 / 25])
    given = [f.media_time for f in detect(engine, stub(frames, fps=5.0), 3, GroupingOptions())]
    assert given == pytest.approx([0, 1 / 5, 2 / 5])
    (sequence / "seqinfo.ini").write_text("no rate here", encoding="utf-8")
    default = [f.media_time for f in detect(engine, stub(frames), 3, GroupingOptions())]
    assert default == pytest.approx([0, 1 / 10, 2 / 10])


def test_a_damaged_frame_is_missed_and_keeps_its_number(
    sequence: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (sequence / "img1" / "000003.png").write_bytes(b"no picture")
    arguments = [str(sequence / "img1"), "--truth", str(sequence / "gt.txt"), "--height", "240"]
    _, out, _ = run(capfd, *arguments, "--engine", "stub:0", "--json")
    scores = json.loads(out.splitlines()[-1])
    assert scores["recall"] == pytest.approx(1 - 1 / FRAMES, abs=1e-4)
    assert scores["precision"] == 1


def test_truth_beyond_the_last_frame_is_refused(sequence: Path) -> None:
    with pytest.raises(DataError, match=r"has 6 frames, but the ground truth reaches 7"):
        list(detect(create_engine("stub:0"), stub(sequence / "img1"), 7, GroupingOptions()))


@pytest.mark.parametrize(
    "wrong",
    [("--fps", "0"), ("--truth", "nowhere.txt"), ("--every", "0"), ("--every", "1,a")],
    ids=" ".join,
)
def test_a_mistake_is_one_sentence(
    sequence: Path, capfd: pytest.CaptureFixture[str], wrong: tuple[str, str]
) -> None:
    arguments = [str(sequence / "img1"), "--truth", str(sequence / "gt.txt"), *wrong]
    code, _, err = run(capfd, *arguments, "--engine", "stub:0")
    assert code == 2
    assert len(err.strip().splitlines()) == 1


@pytest.mark.data
@pytest.mark.timeout(400)
@pytest.mark.skipif(
    not (TUD.is_dir() and TEACHER.is_file()), reason="needs ../shared/data, not shipped"
)
def test_people_who_cross_in_tud_campus_keep_their_ids(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = [str(TUD / "img1"), "--truth", str(TUD / "gt" / "gt.txt"), "--height", "480"]
    arguments += ["--weights", str(TEACHER), "--every", "1,3", "--json"]
    _, out, _ = run(capfd, *arguments)
    for scores in map(json.loads, out.splitlines()):
        assert scores["IDF1"] > 0.78
        assert scores["id_switches"] <= scores["greedy"]["id_switches"] / 2
