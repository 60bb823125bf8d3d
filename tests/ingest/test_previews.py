"""Previews as ingest makes them: only when wanted, masked by their own frame's poses, or not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import samples
from roles import Pipeline, make_pipeline
from waiting import wait_until

from ghostpose.bus import Published, previews
from ghostpose.client import PreviewReader, questions
from ghostpose.codec.images import decode_picture, encode_picture
from ghostpose.config import CameraConfig
from ghostpose.types import EncodedPicture, PoseMessage
from ingest import previews as previews_module
from ingest.previews import Previews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.bus import Bus
    from ghostpose.codec.preview import Preview


def picture(seed: int = 0) -> EncodedPicture:
    rng = np.random.default_rng(seed)
    return encode_picture(rng.integers(0, 256, (368, 490, 3), np.uint8), "raw")


class Scene:
    """A camera `lobby` whose frames are published, and whose previews are wanted."""

    def __init__(self, bus: Bus, **settings: object) -> None:
        self.camera = CameraConfig.model_validate(
            {"name": "lobby", "source": "pattern:", **settings}
        )
        self.pipeline: Pipeline = make_pipeline(bus, "lobby")
        self.reader = PreviewReader(bus.client)
        self.reader.read("lobby")
        self.previews = Previews(bus, self.camera)

    def publish(self, seed: int = 0) -> None:
        info, publisher = samples.info(), self.pipeline.publisher
        published = publisher.publish(info, picture(seed))
        self.previews.offer(publisher.session, published, info, picture(seed))

    def commit(self) -> PoseMessage:
        """Commit what was published; return the last message as a reader gets it."""
        (delivery,) = self.pipeline.frames.take(1, 0)
        self.pipeline.finish(delivery)
        self.pipeline.commit()
        return samples.pose(delivery.message.id)

    def preview(self, seq: int) -> Preview:
        found: list[Preview] = []

        def came() -> bool:
            preview = self.reader.read("lobby")
            if preview is not None and preview.seq == seq:
                found.append(preview)
            return bool(found)

        wait_until(came, f"the preview of frame {seq}")
        return found[0]


@pytest.fixture
def scene(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.setattr(previews_module, "INTERVAL_S", 0.0)
    # A machine that stands still for seconds is not to change what these tests see.
    monkeypatch.setattr(previews_module, "WAIT_FOR_POSES_S", 600.0)
    monkeypatch.setattr(questions, "WANTED_S", 600.0)
    monkeypatch.setattr(previews, "PREVIEW_KEPT_S", 600.0)
    made: list[Scene] = []

    def make(**settings: object) -> Scene:
        made.append(Scene(bus, **settings))
        return made[-1]

    yield make
    for one in made:
        one.previews.close()


def pixels(preview: Preview) -> np.ndarray:
    return decode_picture(
        EncodedPicture("jpeg", preview.width, preview.height, preview.jpeg)
    ).astype(int)


def test_a_preview_is_small_and_says_which_frame_it_is_and_where_it_lies(scene) -> None:
    lobby = scene()
    lobby.publish()
    preview = lobby.preview(0)
    assert (preview.width, preview.height) == (480, 360)
    assert (preview.session, preview.seq) == (lobby.pipeline.publisher.session, 0)
    assert (preview.source_width, preview.source_height) == (768, 576)
    corner_2 = preview.placement.to_source(np.array([479.5, 359.5], np.float32))
    network_2 = samples.info().placement.to_source(np.array([489.5, 367.5], np.float32))
    np.testing.assert_allclose(corner_2, network_2, atol=0.5)
    assert len(preview.jpeg) < 128 * 1024


def test_nobody_wants_it_so_no_thread_is_started_and_nothing_is_made(scene) -> None:
    lobby = scene()
    lobby.pipeline.bus.client.delete(lobby.pipeline.bus.keys.preview("lobby") + ":wanted")
    lobby.publish()
    assert "previews of lobby" not in {thread.name for thread in threading.enumerate()}
    assert lobby.pipeline.bus.client.get(lobby.pipeline.bus.keys.preview("lobby")) is None


def test_previews_are_made_at_a_bounded_rate(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    lobby = scene()
    monkeypatch.setattr(previews_module, "INTERVAL_S", 3600.0)
    for _ in range(4):
        lobby.publish()
    assert lobby.preview(0).seq == 0
    lobby.previews.close()
    assert lobby.reader.read("lobby").seq == 0


@pytest.mark.parametrize("privacy", ["blur_faces", "blur_bodies", "skeleton"])
def test_a_masked_preview_waits_for_its_own_frames_poses(scene, privacy: str) -> None:
    lobby = scene(privacy=privacy)
    lobby.publish()
    with pytest.raises(AssertionError, match="did not happen"):
        wait_until(lambda: lobby.reader.read("lobby") is not None, "a preview", limit_s=0.6)
    lobby.commit()
    preview = lobby.preview(0)
    assert preview.privacy == privacy


def test_skeletons_are_shown_without_the_picture(scene) -> None:
    lobby = scene(privacy="skeleton")
    shown = []
    for seq in (0, 1):
        lobby.publish(seed=seq)
        lobby.commit()
        shown.append(pixels(lobby.preview(seq)))
    assert shown[0].max() > 100, "somebody is drawn"
    np.testing.assert_array_equal(shown[0], shown[1])


def test_a_frame_that_became_a_gap_has_no_preview(scene, monkeypatch) -> None:
    lobby, made = scene(privacy="blur_faces"), list[int]()
    monkeypatch.setattr(previews_module, "WAIT_FOR_POSES_S", 0.3)
    monkeypatch.setattr(previews_module, "publish_preview", lambda _, one: made.append(one.seq))
    lobby.publish()
    (delivery,) = lobby.pipeline.frames.take(1, 0)
    lobby.pipeline.frames.skip(delivery, "stale")
    lobby.pipeline.commit()

    def a_later_one_has() -> bool:
        lobby.publish()
        lobby.commit()
        return bool(made)

    wait_until(a_later_one_has, "the preview of a later frame")
    assert 0 not in made


def test_a_camera_that_keeps_nothing_has_no_preview(scene) -> None:
    lobby = scene(pixels="never")
    lobby.publish()
    lobby.commit()
    lobby.previews.close()
    assert lobby.pipeline.bus.client.get(lobby.pipeline.bus.keys.preview("lobby")) is None


def test_a_server_without_room_costs_the_preview_and_a_warning(scene, server, caplog) -> None:
    lobby = scene()
    client = lobby.pipeline.bus.client
    client.config_set("maxmemory", "1")
    try:
        wanted = Published(7, 8, 0, preview_wanted=True)
        lobby.previews.offer(1, wanted, samples.info(), picture())
        wait_until(lambda: "camera lobby: no preview" in caplog.text, "a warning")
    finally:
        client.config_set("maxmemory", "256mb")
    lobby.publish()
    assert lobby.preview(0).seq == 0


def test_a_picture_that_can_not_be_made_small_costs_no_later_preview(
    scene, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    def refuse(_: object) -> None:
        raise cv2.error("too narrow")

    lobby = scene()
    with monkeypatch.context() as broken:
        broken.setattr(previews_module, "_small", refuse)
        lobby.publish()
        wait_until(lambda: "camera lobby: no preview: too narrow" in caplog.text, "a warning")
    lobby.publish()
    assert lobby.preview(1).seq == 1
