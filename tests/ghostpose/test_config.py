"""Configuration files: what is read, and the sentence each mistake gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.config import CameraConfig, camera_name_from
from ghostpose.config_file import load_config
from ghostpose.errors import ConfigError
from ghostpose.types import CAMERA_NAME_PATTERN

if TYPE_CHECKING:
    from pathlib import Path


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "# nothing yet\n"))
    assert config.cameras == ()
    assert config.redis.partitions == 16


def test_cameras_without_a_name_are_named_after_their_source(tmp_path: Path) -> None:
    text = "cameras:\n- {source: a/door.mp4}\n- {source: b/door.mp4}\n- {name: door-2, source: c}\n"
    config = load_config(write(tmp_path, text))
    assert [camera.name for camera in config.cameras] == ["door", "door-3", "door-2"]


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = "cameras:\n- &base {source: a.mp4, height: 576}\n- {<<: *base, source: b.mp4, fps: 5}\n"
    second = load_config(write(tmp_path, text)).cameras[1]
    assert (second.name, second.height, second.fps) == ("b", 576, 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("camera: []", "line 1: camera is no known setting; did you mean 'cameras'?"),
        (
            "cameras:\n- source: a.mp4\n  hieght: 5",
            "line 3: cameras[0].hieght is no known setting; did you mean 'height'?",
        ),
        ("redis:\n  xyzzy: 1", "redis.xyzzy is no known setting; known: url, partitions"),
        ("cameras:\n- {name: x}", "cameras[0].source is missing"),
        (
            "cameras:\n- {name: x, sourc: a.mp4}",
            "cameras[0].sourc is no known setting; did you mean 'source'? (and 1 more)",
        ),
        ("metrics: {listen: here}", "metrics.listen: 'here' is no HOST:PORT to listen at, as 127"),
        ("cameras:\n- {source: a, height: 3}", "cameras[0].height: input should be greater"),
        ("cameras:\n- {source: a, height: tall}", "cameras[0].height: input should be a valid int"),
        (
            "cameras:\n- {source: a, name: 'a b'}",
            "cameras[0].name: camera name 'a b' is not 1 to 64",
        ),
        (
            "cameras:\n- {source: a, name: x}\n- {source: b, name: x}",
            "cameras: two cameras are named 'x'",
        ),
        (
            "cameras:\n- {source: a, policy: every, max_age_ms: 5}",
            "cameras[0]: max_age_ms has no meaning",
        ),
        ("redis: {url: 'http://x'}", "redis.url: no address of a Redis server, such as redis:"),
        ("- a\n- b", "wanted settings as 'name: value', got list"),
        ("a: [1", "line 1: is no YAML"),
        ("redis: {}\nredis: {}", "'redis' is given twice"),
        ("a: &x [*x]", "an alias contains itself"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("a: 2020-99-99", "month must be in 1..12"),
        ("a: \x00", "is no YAML"),
        ("[" * 5000, "is no YAML"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    message = str(caught.value)
    assert words in message
    assert "site.yaml" in message
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_an_alias_bomb_is_refused_quickly(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="stand for over"):
        load_config(write(tmp_path, "\n".join(lines)))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no configuration"):
        load_config(write(tmp_path, "#" * 1_000_001))


def test_a_missing_file_and_a_binary_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: can't be read: No such file"):
        load_config(tmp_path / "nowhere.yaml")
    binary = tmp_path / "clip.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        load_config(binary)


def test_a_camera_is_frozen() -> None:
    camera = CameraConfig(name="a", source="a.mp4")
    with pytest.raises(ValueError, match="frozen"):
        camera.height = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("source", "taken", "name"),
    [
        ("clips/vtest.avi", [], "vtest"),
        ("clips/vtest.avi", ["vtest"], "vtest-2"),
        ("clips/vtest.avi", ["vtest", "vtest-2"], "vtest-3"),
        ("my clip (1).mp4", [], "my_clip__1_"),
        ("frames/", [], "frames"),
        ("rtsp://admin:secret@10.0.0.9:554/hall/east", [], "east"),
        ("rtsp://admin:secret@10.0.0.9:554", [], "10.0.0.9"),
        ("rtsp://[bad", [], "camera"),
        ("pattern:people=3&frames=9", ["pattern"], "pattern-2"),
        ("folder:shots/day.1?fps=25", [], "day"),
        ("file:a/b.mp4", [], "b"),
        ("", [], "camera"),
        ("x" * 80 + ".mp4", ["x" * 64], "x" * 62 + "-2"),
    ],
)
def test_names_come_from_file_stems(source: str, taken: list[str], name: str) -> None:
    assert camera_name_from(source, taken) == name


@given(st.text(max_size=200), st.integers(0, 12))
def test_every_source_gives_a_valid_name_that_is_free(source: str, others: int) -> None:
    taken: list[str] = []
    for _ in range(others + 1):
        name = camera_name_from(source, taken)
        assert CAMERA_NAME_PATTERN.fullmatch(name)
        assert name not in taken
        taken.append(name)


@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "c.yaml"
    path.write_bytes(data)
    try:
        load_config(path)
    except ConfigError as error:
        assert "\n" not in str(error)
