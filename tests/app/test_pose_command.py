"""`ghostpose pose` as a user runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.cli.main import main as ghostpose

if TYPE_CHECKING:
    from pathlib import Path

STUB = ("--engine", "stub:0")


def write(path: Path, width: int = 320, height: int = 240) -> str:
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return str(path)


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    with pytest.raises(SystemExit) as ended:
        ghostpose(["pose", *arguments, *STUB])
    out, err = capfd.readouterr()
    return int(ended.value.code or 0), out.splitlines(), err


def test_each_picture_is_one_line_in_pixels_of_the_picture(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small, large = write(tmp_path / "a.png"), write(tmp_path / "b.jpg", 640, 480)
    code, lines, _ = run(capfd, small, large, "--json")
    assert code == 0
    first, second = map(json.loads, lines)
    assert set(first) == {
        "image", "captured_at", "media_time", "width", "height", "people", "timings_ms"
    }  # fmt: skip
    assert (first["image"], first["width"], first["height"]) == (small, 320, 240)
    assert len(first["people"]) == len(second["people"]) == 3
    for one, other in zip(first["people"], second["people"], strict=True):
        assert set(one) == {"score", "box", "keypoints"}
        assert np.shape(one["keypoints"]) == (18, 3)
        # The stub's people stand at the same places of the network's picture.
        twice = 2 * np.array(one["keypoints"])[:, :2]
        assert np.abs(twice - np.array(other["keypoints"])[:, :2]).max() < 1.1


def test_pictures_are_written_with_their_skeletons(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    paths = [write(tmp_path / "a.png"), write(tmp_path / "other" / "a.png")]
    before = (tmp_path / "a.png").read_bytes()
    code, lines, _ = run(capfd, *paths, "--output", str(tmp_path))
    assert code == 0
    assert lines[0].startswith(f"{paths[0]}: 3 people")
    for name in ("a-pose.png", "a-pose-2.png"):
        drawn = cv2.imread(str(tmp_path / name))
        assert drawn is not None
        assert drawn.shape == (240, 320, 3)
        assert (drawn != 90).any()
    assert (tmp_path / "a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("missing.jpg", None, "can't be read: No such file", id="a missing file"),
        pytest.param("text.jpg", b"hello", "it is no PNG, JPEG", id="a text file"),
        pytest.param("empty.png", b"", "it is no PNG, JPEG", id="an empty file"),
        pytest.param(
            "cut.png", b"\x89PNG\r\n\x1a\n\0\0", "its header is cut off", id="a cut-off picture"
        ),
    ],
)
def test_a_bad_picture_is_one_sentence_and_the_others_are_done(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    sentence: str,
) -> None:
    bad, good = tmp_path / name, write(tmp_path / "good.png")
    if content is not None:
        bad.write_bytes(content)
    code, lines, err = run(capfd, str(bad), good, "--json")
    assert code == 2
    assert [json.loads(line)["image"] for line in lines] == [good]
    ours = [line for line in err.splitlines() if line.startswith("ghostpose:")]
    assert len(ours) == 1
    assert name in ours[0]
    assert sentence in ours[0]


def test_a_folder_is_no_picture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, lines, err = run(capfd, str(tmp_path))
    assert (code, lines) == (2, [])
    assert "can't be read: Is a directory" in err


def test_a_height_out_of_range_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capfd, write(tmp_path / "a.png"), "--height", "5")
    assert code == 2
    assert err.startswith("ghostpose: --height")


def test_no_picture_at_all_is_a_mistake() -> None:
    assert CliRunner().invoke(app, ["pose"]).exit_code == 2
