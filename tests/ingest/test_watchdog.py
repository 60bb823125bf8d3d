"""What is wrong with a live source is found, and what is right is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.config import CameraConfig
from ingest.lateness import DRIFT, ClockTrust, Lateness
from ingest.sources import SourceInfo
from ingest.sources.image_folder import StillPicture
from ingest.stillness import Stillness, is_blank
from ingest.watchdog import Watchdog

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

FPS = 10.0
INFO = SourceInfo("test", 64, 48, nominal_fps=FPS, live=True)
SCENE = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def noisy(seed: int) -> ByteArray:
    noise = np.random.default_rng(seed).normal(0, 2, SCENE.shape)
    return np.clip(SCENE + noise, 0, 255).astype(np.uint8)


class Camera:
    """A watchdog and a clock that goes on by one interval with each picture."""

    def __init__(
        self, info: SourceInfo = INFO, stillness: Stillness | None = None, **settings: object
    ) -> None:
        config = CameraConfig.model_validate({"name": "cam", "source": "x"} | settings)
        self.now_s, self.media_time = 100.0, 0.0
        self.stillness = stillness or Stillness()
        self.watchdog = Watchdog(config, info, self.stillness, self.now_s)

    def show(
        self, image: ByteArray, *, wall_s: float = 1 / FPS, media_s: float = 1 / FPS
    ) -> str | None:
        self.now_s += wall_s
        self.media_time += media_s
        self.watchdog.came(self.now_s, decoded=True)
        seen = self.watchdog.timed(self.now_s, self.media_time)
        picture = StillPicture(self.media_time, image)
        return seen.skip or self.watchdog.looked_at(self.now_s, picture)

    @property
    def wrong(self) -> str | None:
        trouble = self.watchdog.trouble(self.now_s)
        return None if trouble is None else trouble.wrong


def test_an_empty_room_with_a_sensors_noise_is_never_frozen() -> None:
    camera = Camera(frozen_s=5)
    assert {camera.show(noisy(k)) for k in range(300)} == {None}
    assert camera.wrong is None


def test_a_scene_that_the_encoder_smooths_into_repeats_lives_by_its_keyframes() -> None:
    camera = Camera(frozen_s=60)
    for keyframe in range(10):
        image = noisy(keyframe)
        assert {camera.show(image) for _ in range(100)} == {None}, "ten seconds of repeats"
    assert camera.wrong is None


def test_a_picture_that_stays_the_same_is_frozen_skipped_and_reason_to_reconnect() -> None:
    camera = Camera(frozen_s=5)
    verdicts = [camera.show(SCENE) for _ in range(52)]
    assert set(verdicts[:50]) == {None}
    assert verdicts[-1] == "frozen"
    assert camera.watchdog.frozen
    assert camera.wrong == "frozen"
    assert "the same picture came for 5 s" in str(camera.watchdog.trouble(camera.now_s))


def test_an_encoders_rounding_does_not_hide_a_freeze() -> None:
    camera = Camera(frozen_s=5)
    rng = np.random.default_rng(1)
    base = np.clip(SCENE, 1, 254)
    shown = [
        camera.show(base + rng.integers(-1, 2, base.shape).astype(np.uint8)) for _ in range(60)
    ]
    assert shown[-1] == "frozen"


def test_a_freeze_outlives_a_reconnect_and_ends_with_the_first_other_picture() -> None:
    first = Camera(frozen_s=5)
    for _ in range(60):
        first.show(SCENE)
    again = Camera(stillness=first.stillness, frozen_s=5)
    again.now_s = first.now_s + 3
    assert again.show(SCENE) == "frozen", "not passed off as new after the reconnect"
    assert again.show(noisy(1)) is None
    assert not again.watchdog.frozen


def test_a_frozen_source_is_opened_again_once_in_its_time_and_not_all_the_time() -> None:
    first = Camera(frozen_s=5)
    for _ in range(60):
        first.show(SCENE)
    again = Camera(stillness=first.stillness, frozen_s=5)
    for _ in range(45):
        assert again.show(SCENE) is not None or again.now_s < first.now_s
        assert again.wrong is None
    for _ in range(10):
        again.show(SCENE)
    assert again.wrong == "frozen"


def test_without_frozen_s_nothing_is_frozen() -> None:
    camera = Camera(frozen_s=0)
    assert {camera.show(SCENE) for _ in range(1000)} == {None}
    assert camera.wrong is None


@pytest.mark.parametrize("value", [0, 16, 128, 255])
def test_a_picture_of_one_colour_is_blank_at_once(value: int) -> None:
    camera = Camera()
    assert camera.show(np.full((48, 64, 3), value, np.uint8)) == "blank"
    assert camera.show(SCENE) is None


def test_a_dark_room_is_not_blank() -> None:
    dark = np.random.default_rng(0).integers(0, 12, (48, 64)).astype(np.uint8)
    assert not is_blank(dark)


def test_blank_pictures_for_long_are_reason_to_reconnect() -> None:
    camera = Camera(frozen_s=5)
    for _ in range(60):
        assert camera.show(np.zeros((48, 64, 3), np.uint8)) == "blank"
    assert camera.wrong == "frozen"
    assert "only blank pictures" in str(camera.watchdog.trouble(camera.now_s))


def test_silence_is_noticed_after_its_time() -> None:
    camera = Camera(silence_s=4)
    camera.show(SCENE)
    camera.now_s += 3.9
    assert camera.wrong is None
    camera.now_s += 0.2
    assert camera.wrong == "silent"


def test_a_slow_camera_is_not_silent_between_its_pictures() -> None:
    camera = Camera(SourceInfo("slow", 64, 48, nominal_fps=0.05, live=True), silence_s=4)
    camera.show(SCENE, wall_s=20, media_s=20)
    camera.now_s += 55
    assert camera.wrong is None
    camera.now_s += 10
    assert camera.wrong == "silent"


def test_damaged_pictures_alone_are_reason_to_reconnect() -> None:
    camera = Camera(silence_s=4)
    for _ in range(45):
        camera.now_s += 0.1
        camera.watchdog.came(camera.now_s, decoded=False)
    assert camera.wrong == "damaged"


def test_pictures_that_pile_up_and_come_at_once_are_stale_until_they_are_new_again() -> None:
    camera = Camera()
    for k in range(20):
        camera.show(noisy(k))
    burst = [camera.show(noisy(k), wall_s=8 if k == 0 else 0.001) for k in range(80)]
    assert set(burst[:45]) == {"stale"}
    assert set(burst[-29:]) == {None}, "the last three seconds are new enough"
    assert camera.wrong is None


def test_pictures_that_stay_late_are_reason_to_reconnect() -> None:
    camera = Camera()
    for k in range(20):
        camera.show(noisy(k))
    camera.now_s += 6
    assert {camera.show(noisy(k)) for k in range(105)} == {"stale"}
    assert camera.wrong == "late"


def test_a_source_faster_than_its_own_clock_is_no_camera() -> None:
    camera = Camera()
    for k in range(1200):
        camera.show(noisy(k % 7), wall_s=0.01)
    assert camera.wrong == "fast"


def test_what_a_camera_kept_before_it_was_opened_is_not_too_fast() -> None:
    camera = Camera()
    for k in range(100):
        camera.show(noisy(k), wall_s=0.001)
    for k in range(300):
        camera.show(noisy(k))
    assert camera.wrong is None


def test_bursts_are_neither_late_nor_too_fast() -> None:
    info = SourceInfo("hls", 64, 48, nominal_fps=FPS, live=True, bursts=True)
    camera = Camera(info)
    shown = [camera.show(noisy(k), wall_s=6 if k % 60 == 0 else 0.001) for k in range(240)]
    assert set(shown) == {None}
    assert camera.wrong is None


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50), st.floats(0, 1e6))
def test_lateness_is_never_negative_and_never_more_than_the_delay(
    delays: list[float], start_s: float
) -> None:
    lateness = Lateness()
    for index, delay in enumerate(delays):
        late_s = lateness.of(start_s + index + delay, float(index))
        assert -1e-6 <= late_s <= delay + 1e-6 + DRIFT * (index + 10)


def test_a_clock_that_makes_all_late_twice_is_believed_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trust = ClockTrust("cam")
    trust.late(100)
    trust.late(500)
    assert trust.trusted
    trust.late(560)
    trust.late(600)
    assert not trust.trusted
    assert caplog.text.count("its clock runs too slow") == 1
