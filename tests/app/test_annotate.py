"""Drawn videos: the right picture under the right skeletons, at its own time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.annotate import annotate_all, drawn_frames
from ghostpose.codec.poses import encode_pose
from ghostpose.config import CameraConfig
from ghostpose.types import Person, PoseMessage
from ingest.sources import Undecodable, open_source

CLIP = Path(__file__).parents[2] / "docs" / "media" / "vtest-cut.mp4"


def person(x: float, y: float) -> Person:
    keypoints_k3 = np.zeros((18, 3), np.float32)
    keypoints_k3[1], keypoints_k3[2] = (x, y, 1), (x + 20, y, 1)
    return Person(0.9, (x, y, 20, 20), keypoints_k3, "cut-1")


def message(seq: int, media_time: float, session: int = 1) -> PoseMessage:
    return PoseMessage("cut", session, seq, 0.0, media_time, 768, 576, (person(100, 200),))


def first_pictures(camera: CameraConfig, count: int) -> list[np.ndarray]:
    source = open_source(camera)
    try:
        pictures = (p for p in source.pictures() if not isinstance(p, Undecodable))
        return [p.pixels(p.width, p.height) for p, _ in zip(pictures, range(count), strict=False)]
    finally:
        source.close()


def read_video(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [(float(frame.time or 0), frame.to_ndarray(format="bgr24")) for frame in frames]


def test_a_message_meets_the_picture_of_its_media_time() -> None:
    camera = CameraConfig(name="cut", source=str(CLIP))
    expected = first_pictures(camera, 8)[7]
    (frame,) = drawn_frames(camera, [message(0, 0.7)])
    untouched = np.s_[300:, 300:]
    np.testing.assert_array_equal(frame.image_hw3[untouched], expected[untouched])
    assert not np.array_equal(frame.image_hw3[190:210, 90:130], expected[190:210, 90:130])


def test_a_mirrored_camera_is_drawn_into_the_mirrored_picture() -> None:
    camera = CameraConfig(name="cut", source=str(CLIP), mirror=True)
    expected = first_pictures(camera, 1)[0][:, ::-1]
    (frame,) = drawn_frames(camera, [message(0, 0.0)])
    np.testing.assert_array_equal(frame.image_hw3[300:, 300:], expected[300:, 300:])


def test_skipped_frames_are_left_out_and_times_are_kept(tmp_path: Path) -> None:
    lines = [encode_pose(message(seq, seq * 0.2)) for seq in range(10)]
    (tmp_path / "poses.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    annotate_all([CameraConfig(name="cut", source=str(CLIP))], tmp_path)
    frames = read_video(tmp_path / "cut.mp4")
    assert [time_s for time_s, _ in frames] == pytest.approx([0.2 * n for n in range(10)])
    assert frames[0][1].shape == (576, 768, 3)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape[1] == 4 * 480


def test_only_the_last_session_of_a_camera_is_drawn(tmp_path: Path) -> None:
    lines = [encode_pose(message(0, 0.0, session=1)), encode_pose(message(0, 0.3, session=2))]
    (tmp_path / "poses.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    annotate_all([CameraConfig(name="cut", source=str(CLIP))], tmp_path)
    assert len(read_video(tmp_path / "cut.mp4")) == 1


def test_pictures_of_odd_size_lose_their_last_pixel(tmp_path: Path) -> None:
    camera = CameraConfig(name="cut", source="pattern:width=161&height=121&frames=3&fps=10")
    lines = [encode_pose(message(seq, seq / 10)) for seq in range(3)]
    (tmp_path / "poses.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    annotate_all([camera], tmp_path)
    assert [frame.shape for _, frame in read_video(tmp_path / "cut.mp4")] == [(120, 160, 3)] * 3


def test_a_camera_without_poses_has_no_video(tmp_path: Path) -> None:
    (tmp_path / "poses.jsonl").write_bytes(b"")
    annotate_all([CameraConfig(name="cut", source=str(CLIP))], tmp_path)
    assert list(tmp_path.glob("*.mp4")) == []


@pytest.mark.parametrize("privacy", ["blur_faces", "blur_bodies"])
def test_who_was_found_is_hidden_in_the_drawn_picture(privacy: str) -> None:
    camera = CameraConfig.model_validate({"name": "cut", "source": str(CLIP), "privacy": privacy})
    expected = first_pictures(camera, 1)[0]
    (frame,) = drawn_frames(camera, [message(0, 0.0)])
    assert not np.array_equal(frame.image_hw3[160:190, 90:130], expected[160:190, 90:130])
    np.testing.assert_array_equal(frame.image_hw3[400:], expected[400:])


def test_somebody_missed_in_one_picture_is_hidden_there_as_in_the_next() -> None:
    camera = CameraConfig(name="cut", source=str(CLIP), privacy="blur_bodies")
    expected = first_pictures(camera, 1)[0]
    nobody = replace(message(0, 0.0), people=())
    first, _ = drawn_frames(camera, [nobody, message(1, 0.1)])
    assert not np.array_equal(first.image_hw3[190:210, 90:130], expected[190:210, 90:130])


def test_skeletons_are_drawn_on_black() -> None:
    camera = CameraConfig(name="cut", source=str(CLIP), privacy="skeleton")
    (frame,) = drawn_frames(camera, [message(0, 0.0)])
    assert frame.image_hw3[190:210, 90:130].any()
    assert not frame.image_hw3[300:].any()
