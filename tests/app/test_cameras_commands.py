"""`ghostpose cameras`: the registry from the command line."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from app.camera_settings import parse_settings, shown_setting, with_settings
from app.cli.cameras.edit import NOBODY_PLAYS
from app.cli.main import main
from app.registry import PLAYER
from ghostpose.bus import Bus, CameraLeases, Registry
from ghostpose.bus.camera_states import publish_camera_state
from ghostpose.codec.camera_state import CameraState
from ghostpose.codec.registry import Heartbeat
from ghostpose.config import CameraConfig
from ghostpose.topics import REGISTRY_SOURCES_KEY

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "rtsp://admin:s3cret@10.0.0.5/live"
REFERRING = "rtsp://admin:${env:DOOR}@10.0.0.5/live"


class Cameras(Protocol):
    def __call__(self, *arguments: str, code: int = 0) -> str: ...


@pytest.fixture
def cameras(bus: Bus, server: Any, capsys: pytest.CaptureFixture[str]) -> Cameras:
    """Run `ghostpose cameras ...` and return what it prints on both."""

    def run(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as caught:
            main(["cameras", *arguments, "--redis", server.url])
        captured = capsys.readouterr()
        text = captured.out + captured.err
        assert (caught.value.code or 0) == code, text
        return text

    return run


def listed(cameras: Cameras) -> dict[str, dict[str, Any]]:
    return {camera["name"]: camera for camera in json.loads(cameras("list", "--json"))}


def settings_of(bus: Bus, name: str) -> CameraConfig:
    return Registry(bus).get(name).settings


def test_a_camera_is_added_set_paused_resumed_and_removed(cameras: Cameras, bus: Bus) -> None:
    said = cameras("add", "door", REFERRING, "fps=5")
    assert said == f"door is added\nghostpose: {NOBODY_PLAYS}\n"
    assert settings_of(bus, "door") == CameraConfig(name="door", source=REFERRING, fps=5)
    said = cameras("set", "door", "fps=none", "height=480", "region=0,0,640,480")
    assert said == "door is set: fps=none, height=480, region=[0, 0, 640, 480]\n"
    changed = settings_of(bus, "door")
    assert (changed.fps, changed.height, changed.region) == (None, 480, (0, 0, 640, 480))
    cameras("pause", "door")
    assert listed(cameras)["door"]["status"] == "paused"
    cameras("resume", "door")
    assert listed(cameras)["door"]["status"] == "not played"
    cameras("remove", "door")
    assert listed(cameras) == {}


def test_a_setting_is_shown_as_it_may_be_written() -> None:
    zone = {"name": "till", "polygon": [[0, 0], [9, 0], [9, 9]], "crowd": 3}
    settings = {"region": (0, 0, 8, 8), "mirror": True, "privacy": "skeleton", "zones": [zone]}
    door = CameraConfig.model_validate({"name": "door", "source": REFERRING, **settings})
    shown = [shown_setting(door, name) for name in (*settings, "fps")]
    assert shown[1:3] == ["mirror=true", "privacy=skeleton"]
    assert with_settings(CameraConfig(name="door", source=REFERRING), parse_settings(shown)) == door


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", "door"], "nothing to set: give settings, as in ghostpose cameras set door"),
        (["set", "door", "fps"], "'fps': wanted SETTING=VALUE, such as fps=5"),
        (["set", "door", "hieght=5"], "'hieght' is no setting of a camera; did you mean 'height'?"),
        (["set", "door", "name=hall"], "'name' is no setting of a camera"),
        (["set", "door", "height=5"], "camera door: height: Input should be greater than or equal"),
        (["set", "door", "source="], "camera door: source: Field required"),
        (["set", "door", "region=1,2"], "camera door: region.2: Field required"),
        (["set", "door", "fps=[1"], "fps: '[1' is no value"),
        (["set", "door", "policy=every", "max_age_ms=9"], "max_age_ms has no meaning"),
        (["set", "hall", "fps=5"], "there is no camera 'hall' in the registry"),
        (["add", "door", "x.mp4"], "camera door is in the registry already"),
        (["add", "a b", "x.mp4"], "name: camera name 'a b' is not 1 to 64 letters"),
        (["show", "doors"], "there is no camera 'doors' in the registry; did you mean door?"),
        (["remove", "door", "--revision", "99"], "changed by somebody else meanwhile"),
        (["import", "nowhere.yaml"], "can't be read"),
        (["export", "/nowhere/site.yaml"], "can't be written there: No such file or directory"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    cameras: Cameras, bus: Bus, arguments: list[str], words: str
) -> None:
    Registry(bus).add(CameraConfig(name="door", source=REFERRING))
    before = Registry(bus).read()
    said = cameras(*arguments, code=2)
    assert words in said
    assert len(said.splitlines()) == 1
    assert Registry(bus).read() == before


def test_of_two_editors_that_set_different_things_neither_is_lost(
    cameras: Cameras, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(bus)
    seen = registry.add(CameraConfig(name="door", source=REFERRING))
    plain_get = Registry.get
    others = iter([True])

    def get_while_another_changes(self: Registry, name: str) -> Any:
        row = plain_get(self, name)
        if next(others, False):
            registry.change(row.settings.model_copy(update={"height": 576}), row.revision)
        return row

    monkeypatch.setattr(Registry, "get", get_while_another_changes)
    cameras("set", "door", "fps=5")
    monkeypatch.undo()
    assert (settings_of(bus, "door").fps, settings_of(bus, "door").height) == (5, 576)
    assert "changed by somebody else" in cameras(
        "set", "door", "fps=9", "--revision", str(seen), code=2
    )


def test_a_plain_password_is_accepted_with_a_warning_and_shown_nowhere(
    cameras: Cameras, bus: Bus, tmp_path: Path
) -> None:
    said = cameras("add", "door", PLAIN)
    assert "the password stands in its address (rtsp://***@10.0.0.5/live)" in said
    assert "${env:NAME} or ${file:PATH} in its place" in said
    shown = [
        said,
        cameras("set", "door", "fps=5"),
        cameras("list"),
        cameras("list", "--json"),
        cameras("show", "door"),
        cameras("export"),
        cameras("add", "door", PLAIN, code=2),
        cameras("set", "door", f"source={PLAIN}"),
    ]
    assert not any("s3cret" in text for text in shown)
    for key in bus.client.scan_iter():
        if key.decode() != REGISTRY_SOURCES_KEY:
            assert b"s3cret" not in (bus.client.dump(key) or b""), key
    assert Registry(bus).read(passwords=True).playable("door").source == PLAIN


def test_a_source_can_come_from_the_standard_input(
    cameras: Cameras, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{REFERRING}\n"))
    bus.heartbeat(Heartbeat("here", PLAYER, "0", "host", 1, {}))
    assert cameras("add", "door", "-") == "door is added\n"
    assert settings_of(bus, "door").source == REFERRING


def test_what_is_exported_is_imported_as_it_was(cameras: Cameras, bus: Bus, tmp_path: Path) -> None:
    registry, site = Registry(bus), tmp_path / "site.yaml"
    registry.add(CameraConfig(name="door", source=REFERRING, fps=5, region=(0, 0, 64, 48)))
    registry.add(CameraConfig(name="hall", source=PLAIN, paused=True, height=576))
    before = registry.read()
    cameras("export", str(site))
    assert site.stat().st_mode & 0o077 == 0
    assert "s3cret" not in site.read_text()
    assert cameras("import", str(site)) == "0 added, 0 changed, 2 unchanged\n"
    assert registry.read() == before

    cameras("set", "hall", "height=368")
    cameras("remove", "door")
    assert cameras("import", str(site)) == "1 added, 1 changed, 0 unchanged\n"
    after = registry.read(passwords=True)
    assert {n: row.settings for n, row in after.cameras.items()} == {
        n: row.settings for n, row in before.cameras.items()
    }
    assert after.playable("hall").source == PLAIN


def test_an_export_with_passwords_moves_to_another_server(
    cameras: Cameras, bus: Bus, tmp_path: Path
) -> None:
    registry, hidden, plain = Registry(bus), tmp_path / "hidden.yaml", tmp_path / "plain.yaml"
    registry.add(CameraConfig(name="hall", source=PLAIN))
    cameras("export", str(hidden))
    plain.touch()
    plain.chmod(0o644)
    cameras("export", str(plain), "--with-passwords")
    assert plain.stat().st_mode & 0o077 == 0, "nor by those who could read what was there"
    cameras("remove", "hall")
    assert "is hidden and not known" in cameras("import", str(hidden), code=2)
    assert "1 added" in cameras("import", str(plain))
    assert registry.read(passwords=True).playable("hall").source == PLAIN


def test_the_list_tells_what_a_cameras_process_says(cameras: Cameras, bus: Bus) -> None:
    registry = Registry(bus)
    registry.add(CameraConfig(name="door", source=REFERRING))
    problem = "camera door: nothing answers at 10.0.0.5"
    state = CameraState("door", "waiting", 1.7e9, "w", "cellar", 17, problem=problem)
    publish_camera_state(bus, state)
    assert listed(cameras)["door"]["status"] == "not played", "nobody holds it"
    CameraLeases(bus, "ingest-cellar", ttl_s=600).take({"door": 0.0})
    found = listed(cameras)["door"]
    assert (found["status"], found["played_by"]) == ("waiting", "ingest-cellar")
    assert found["state"]["problem"] == problem
    text = cameras("list")
    assert "cellar" in text
    assert problem in text
    assert json.loads(cameras("show", "door"))["settings"]["source"] == REFERRING


def test_what_ended_is_told_until_it_is_resumed(cameras: Cameras, bus: Bus) -> None:
    registry = Registry(bus)
    registry.note_ended("clip", registry.add(CameraConfig(name="clip", source="clip.mp4")))
    assert listed(cameras)["clip"]["status"] == "ended"
    cameras("resume", "clip")
    assert listed(cameras)["clip"]["status"] == "not played"
