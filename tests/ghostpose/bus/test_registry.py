"""The registry on a real server: editors that meet, passwords kept apart, a lost memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from ghostpose.bus import Bus, Registry
from ghostpose.config import CameraConfig
from ghostpose.errors import RegistryConflictError, RegistryError
from ghostpose.topics import REGISTRY_KEY, REGISTRY_SOURCES_KEY

if TYPE_CHECKING:
    from ghostpose.bus import EmbeddedServer

PLAIN = "rtsp://admin:s3cret@10.0.0.5/live"
SHOWN = "rtsp://***@10.0.0.5/live"


def camera(name: str = "door", **settings: Any) -> CameraConfig:
    return CameraConfig(name=name, **{"source": "rtsp://10.0.0.5/live", **settings})


@pytest.fixture
def registry(bus: Bus) -> Registry:
    return Registry(bus)


def test_a_camera_is_added_changed_and_removed(registry: Registry) -> None:
    assert registry.revision() is None
    first = registry.add(camera(fps=5))
    assert registry.get("door").revision == first == registry.revision()
    second = registry.change(camera(fps=10), first)
    assert second > first
    assert registry.get("door").settings == camera(fps=10)
    registry.remove("door", second)
    assert registry.read().cameras == {}
    assert (registry.revision() or 0) > second


def test_what_is_not_there_or_there_already_is_said(registry: Registry) -> None:
    registry.add(camera())
    with pytest.raises(RegistryError, match="camera door is in the registry already"):
        registry.add(camera())
    for change in (
        lambda: registry.get("doors"),
        lambda: registry.change(camera("doors"), 1),
        lambda: registry.remove("doors", 1),
    ):
        with pytest.raises(RegistryError, match="no camera 'doors' in the registry; did you mean"):
            change()
    with pytest.raises(RegistryError, match="ghostpose cameras list shows those there are"):
        registry.get("xyz")


def test_of_two_editors_who_saw_the_same_the_second_is_refused(registry: Registry) -> None:
    seen = registry.add(camera())
    registry.change(camera(fps=5), seen)
    with pytest.raises(RegistryConflictError, match="changed by somebody else meanwhile"):
        registry.change(camera(fps=9), seen)
    with pytest.raises(RegistryConflictError):
        registry.remove("door", seen)
    assert registry.get("door").settings.fps == 5


def test_a_camera_that_was_removed_and_added_again_is_another(registry: Registry) -> None:
    seen = registry.add(camera())
    registry.remove("door", seen)
    registry.add(camera(height=576))
    with pytest.raises(RegistryConflictError):
        registry.change(camera(), seen)


def test_no_change_of_many_editors_is_lost(server: EmbeddedServer, registry: Registry) -> None:
    registry.add(camera(start_s=0))

    def count_up() -> None:
        with Bus.connect(server.url) as bus:
            mine, done = Registry(bus), 0
            while done < 10:
                row = mine.get("door")
                try:
                    mine.change(camera(start_s=row.settings.start_s + 1), row.revision)
                    done += 1
                except RegistryConflictError:
                    continue

    editors = [threading.Thread(target=count_up) for _ in range(4)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    assert registry.get("door").settings.start_s == 40


def test_a_password_is_kept_apart_and_shown_nowhere_else(registry: Registry, bus: Bus) -> None:
    seen = registry.add(camera(source=PLAIN))
    assert registry.get("door").settings.source == SHOWN
    assert registry.read(passwords=True).playable("door").source == PLAIN
    assert b"s3cret" not in bus.client.hget(REGISTRY_KEY, "door")
    changed = registry.change(registry.get("door").settings.model_copy(update={"fps": 5}), seen)
    assert registry.read(passwords=True).playable("door").source == PLAIN, (
        "what isn't touched stays"
    )
    registry.change(camera(), changed)
    assert bus.client.hlen(REGISTRY_SOURCES_KEY) == 0


def test_a_removed_cameras_password_is_forgotten(registry: Registry, bus: Bus) -> None:
    registry.remove("door", registry.add(camera(source=PLAIN)))
    assert not bus.client.exists(REGISTRY_SOURCES_KEY)


def test_a_hidden_password_that_is_not_known_is_refused(registry: Registry) -> None:
    with pytest.raises(RegistryError, match=r"rtsp://\*\*\*@10.0.0.5/live is hidden and not known"):
        registry.add(camera(source=SHOWN))
    seen = registry.add(camera(source=PLAIN))
    with pytest.raises(RegistryError, match="hidden and not known"):
        registry.change(camera(source=SHOWN.replace("live", "other")), seen)


def test_a_new_registry_is_seeded_once(registry: Registry) -> None:
    assert registry.seed([]) == 0
    assert registry.seed([camera(), camera("hall", source=PLAIN)]) == 2
    assert registry.read(passwords=True).playable("hall").source == PLAIN
    for name, row in registry.read().cameras.items():
        registry.remove(name, row.revision)
    assert registry.seed([camera()]) == 0, "what was removed stays removed"
    assert registry.read().cameras == {}


def test_a_camera_that_ended_has_until_it_is_changed(registry: Registry) -> None:
    seen = registry.add(camera())
    registry.note_ended("door", seen)
    assert registry.read().has_ended("door")
    registry.change(camera(), seen)
    assert not registry.read().has_ended("door")
