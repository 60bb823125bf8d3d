"""`ghostpose cameras test`: what comes of a camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest

from app.cli.main import main
from ghostpose.bus import Bus, Registry, connection
from ghostpose.config import CameraConfig
from ghostpose.server import connect

if TYPE_CHECKING:
    from ghostpose.bus import EmbeddedServer

CLIP = Path(__file__).parents[2] / "docs" / "media" / "vtest-cut.mp4"


def look_at(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["cameras", "test", *arguments])
    assert (caught.value.code or 0) == code


def test_codec_size_rate_and_a_picture_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = tmp_path / "seen.png"
    look_at(str(CLIP), "--picture", str(seen), "--seconds", "0.3")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("vtest-cut: h264 768x576 at 10")
    assert second.startswith("opened in ")
    assert second.endswith(" pictures, 10.0 a second")
    assert cv2.imread(str(seen)).shape == (576, 768, 3)


def test_programs_get_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    look_at("pattern:width=64&height=48&fps=20&frames=40", "--seconds", "60", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["width"], told["height"], told["pictures"], told["damaged"]) == (64, 48, 40, 0)
    assert told["fps"] == pytest.approx(20, rel=0.01)


def test_a_camera_of_the_registry_is_named_by_its_name(
    bus: Bus, server: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Registry(bus).add(CameraConfig(name="door", source="pattern:frames=3&width=64&height=48"))
    look_at("door", "--redis", server.url)
    assert capsys.readouterr().out.startswith("door: ")
    look_at("doors", "--redis", server.url, code=2)
    said = capsys.readouterr().err
    assert "no camera 'doors' in the registry; did you mean door?; nor is there a file" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gopher://admin:s3cret@10.0.0.5/"], "gopher: is no kind of source"),
        (["file:/nowhere.mp4"], "there is no file /nowhere.mp4"),
        (["/dev/video97"], "there is no device /dev/video97: is it plugged in?"),
        (["rtsp://h/a b"], "camera a_b: source: an address holds no spaces"),
        (["clip.mp4", "--redis", "unix:///nowhere"], "; nor is there a file clip.mp4"),
        (["pattern:frames=3", "--picture", "seen.xyz"], "no such kind of picture"),
        (["pattern:frames=3", "--picture", "/nowhere/a.png"], "can't be written: No such file"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "connect", lambda url, **_: connect(url, timeout_s=0.1))
    look_at(*arguments, code=2)
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
    assert "s3cret" not in said


@pytest.mark.parametrize("setting", [{"privacy": "blur_faces"}, {"pixels": "never"}])
def test_no_picture_is_written_of_a_camera_whose_pictures_may_not_be_kept(
    bus: Bus, server: EmbeddedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], setting
) -> None:
    camera = {"name": "door", "source": "pattern:frames=3&width=64&height=48", **setting}
    Registry(bus).add(CameraConfig.model_validate(camera))
    seen = tmp_path / "seen.png"
    look_at("door", "--picture", str(seen), "--redis", server.url, code=2)
    assert "--picture: camera door doesn't allow it" in capsys.readouterr().err
    assert not seen.exists()
    look_at("door", "--redis", server.url)
