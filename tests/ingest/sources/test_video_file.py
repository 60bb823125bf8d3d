from __future__ import annotations

import itertools
import re
import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from ingest_fakes import turn_clockwise

from ghostpose.errors import SourceError
from ingest.clock import MediaClock
from ingest.sources import Picture, Source, Undecodable, open_source, probe

if TYPE_CHECKING:
    from pathlib import Path


Camera = "Callable[..., CameraConfig]"


def play(source: Source) -> tuple[list[float | None], int]:
    """Return the times of the pictures, and how many packets were damaged."""
    times: list[float | None] = []
    damaged = 0
    for item in source.pictures():
        if isinstance(item, Undecodable):
            damaged += 1
        else:
            times.append(item.media_time)
    source.close()
    return times, damaged


def first_picture(source: Source) -> Picture:
    item = next(iter(source.pictures()))
    assert not isinstance(item, Undecodable)
    return item


def test_every_frame_of_the_clip_comes_with_its_time(clip: Path, camera: Camera) -> None:
    source = open_source(camera(clip))
    info = source.info
    assert (info.width, info.height, info.nominal_fps) == (768, 576, 10.0)
    assert (info.frames, info.length_s, info.live) == (240, 24.0, False)
    times, damaged = play(source)
    assert times == [pytest.approx(k / 10) for k in range(240)]
    assert damaged == 0
    assert source.ended_early is None


def test_frames_with_b_frames_come_in_the_order_of_display(make_video, camera: Camera) -> None:
    path = make_video(frames=20, options={"bf": "3", "b_strategy": "0", "g": "20"})
    levels = []
    for item in open_source(camera(path)).pictures():
        assert not isinstance(item, Undecodable)
        levels.append(float(item.pixels(64, 48).mean()))
    assert len(levels) == 20
    assert levels == sorted(levels)


@pytest.mark.parametrize(
    "name", ["a.mkv", "a.ts", "a.flv", "a.mov"], ids=lambda name: name.split(".")[1]
)
def test_other_containers_give_the_same_frames(name: str, remux, camera: Camera) -> None:
    source = open_source(camera(remux(name)))
    times, damaged = play(source)
    assert times == [pytest.approx(k / 10, abs=2e-3) for k in range(240)]
    assert (damaged, source.ended_early) == (0, None)
    assert source.info.nominal_fps == pytest.approx(10, rel=0.01)


def test_a_raw_stream_without_times_gives_every_frame(remux, camera: Camera) -> None:
    source = open_source(camera(remux("a.h264")))
    clock = MediaClock(source.info.nominal_interval_s)
    times, _ = play(source)
    assert [clock.read(time) for time in times] == [pytest.approx(k / 10) for k in range(240)]


def test_a_start_in_the_middle_keeps_the_files_own_times(clip: Path, camera: Camera) -> None:
    source = open_source(camera(clip, start_s=7.35))
    assert source.info.frames == pytest.approx(166, abs=1)
    times, _ = play(source)
    assert times == [pytest.approx(k / 10) for k in range(74, 240)]
    assert source.ended_early is None


def test_a_start_beyond_the_end_is_refused(clip: Path, camera: Camera) -> None:
    with pytest.raises(SourceError, match=r"camera cam: start_s 24 is beyond .* 24\.0 s long"):
        probe(camera(clip, start_s=24))


def test_a_looped_file_plays_on_with_growing_time(make_video, camera: Camera) -> None:
    source = open_source(camera(make_video(frames=20), loop=True, start_s=1.0))
    assert source.info.frames is None
    times: list[float] = []
    for item in source.pictures():
        assert not isinstance(item, Undecodable)
        assert item.media_time is not None
        times.append(item.media_time)
        if len(times) == 55:
            break
    source.close()
    assert times == [pytest.approx(1.0 + k / 10) for k in range(55)]


def test_a_phones_upright_video_comes_upright(make_video, camera: Camera) -> None:
    def left_half_bright(_: int) -> np.ndarray:
        image = np.zeros((48, 64, 3), np.uint8)
        image[:, :32] = 255
        return image

    path = make_video(draw=left_half_bright)
    turn_clockwise(path)
    source = open_source(camera(path))
    assert (source.info.width, source.info.height) == (48, 64)
    image = first_picture(source).pixels(48, 64)
    assert image.shape == (64, 48, 3)
    assert image[:28].mean() > 240, "left became top, turning clockwise"
    assert image[36:].mean() < 15


def test_a_cut_off_file_gives_what_is_there_and_says_so(remux, camera: Camera) -> None:
    path = cut(remux("fast.mp4", movflags="faststart"))
    source = open_source(camera(path))
    times, damaged = play(source)
    assert 100 < len(times) < 200
    assert damaged <= 1
    assert re.fullmatch(
        r"camera cam: .*fast.mp4 is cut off: its header says 240 frames, \d+ are there",
        source.ended_early or "",
    )


@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.ts", "a.h264"])
def test_a_cut_off_file_of_another_container_is_noticed(name: str, remux, camera: Camera) -> None:
    source = open_source(camera(cut(remux(name))))
    times, damaged = play(source)
    assert 100 < len(times) + damaged < 200
    assert source.ended_early is not None
    assert "cut off" in source.ended_early


@pytest.mark.parametrize(("begin_s", "length_s"), [(0, 16), (5, 8), (5, 19)])
def test_a_trimmed_file_is_not_cut_off(begin_s: int, length_s: int, remux, camera: Camera) -> None:
    path = trim(remux("trimmed.mp4", movflags="faststart"), begin_s, length_s)
    source = open_source(camera(path))
    times, _ = play(source)
    assert times == [pytest.approx(k / 10) for k in range(10 * length_s)]
    assert source.ended_early is None


def test_a_trimmed_file_that_is_cut_off_too_is_noticed(remux, camera: Camera) -> None:
    source = open_source(camera(cut(trim(remux("both.mp4", movflags="faststart"), 2, 22))))
    play(source)
    assert "cut off" in (source.ended_early or "")


def trim(path: Path, begin_s: int, length_s: int) -> Path:
    """Change the MP4's edit list, as programs do that trim without coding again."""
    data = bytearray(path.read_bytes())
    header, track, edits = (data.index(kind) + 4 for kind in (b"mvhd", b"tkhd", b"elst"))
    (ticks_a_s,) = struct.unpack_from(">I", data, header + 12)
    (media_ticks_a_s,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    for duration in (header + 16, track + 20, edits + 8):
        struct.pack_into(">I", data, duration, length_s * ticks_a_s)
    (first,) = struct.unpack_from(">i", data, edits + 12)
    struct.pack_into(">i", data, edits + 12, first + begin_s * media_ticks_a_s)
    path.write_bytes(data)
    return path


def cut(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    return path


def test_damage_in_the_middle_costs_only_the_frames_it_hits(remux, camera: Camera) -> None:
    path = remux("damaged.flv")
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    for position in random.integers(len(data) // 3, len(data) * 4 // 5, 5):
        data[position : position + 300] = random.bytes(300)
    path.write_bytes(data)
    source = open_source(camera(path))
    times, damaged = play(source)
    assert 230 <= len(times) < 240
    assert damaged <= 240 - len(times)
    assert all(time is not None for time in times)
    assert source.ended_early is None


def test_an_mp4_without_its_index_is_refused(remux, tmp_path: Path, camera: Camera) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(remux("slow.mp4").read_bytes()[:600_000])
    with pytest.raises(SourceError, match=r"camera cam: .*cut\.mp4 can't be opened .*cut off"):
        probe(camera(path))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.mp4", None, r"camera cam: there is no file \S*missing\.mp4"),
        ("empty.mp4", b"", r"camera cam: \S*empty\.mp4 is empty"),
        ("text.mp4", b"Dear diary,\n" * 500, r"camera cam: \S*text\.mp4 .*it is text"),
        ("zero.mp4", bytes(50_000), r"camera cam: \S*zero\.mp4 can't be opened as a video"),
        (
            "vtt.mp4",
            b"WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n",
            r"no video in it, only subtitle",
        ),
    ],
)
def test_a_file_that_is_no_video_is_one_clear_sentence(
    name: str, content: bytes | None, sentence: str, tmp_path: Path, camera: Camera
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence) as caught:
        probe(camera(path))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_file_with_sound_only_is_refused(audio_only: Path, camera: Camera) -> None:
    with pytest.raises(SourceError, match=r"sound\.mp4 has no video in it, only audio"):
        probe(camera(audio_only))


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.m3u8", HLS.format("../outside.ts")),
        ("list.m3u8", HLS.format("file://{outside}")),
        ("list.m3u8", HLS.format("link.ts")),
        ("list.mp4", "ffconcat version 1.0\nfile link.ts\n"),
        ("list.mp4", "ffconcat version 1.0\nfile http://127.0.0.1:9/x.mp4\n"),
    ],
)
def test_a_play_list_opens_neither_another_file_nor_an_address(
    name: str, content: str, make_video, tmp_path: Path, camera: Camera
) -> None:
    outside = make_video("outside.ts")
    path = tmp_path / "inside" / name
    path.parent.mkdir()
    (path.parent / "link.ts").symlink_to(outside)
    path.write_text(content.replace("{outside}", str(outside)))
    with pytest.raises(SourceError, match="a play list: name the videos"):
        probe(camera(path))


def test_a_pictures_name_is_no_pattern_for_the_names_of_others(
    tmp_path: Path, camera: Camera
) -> None:
    for name, side_px in (("a%d.jpg", 32), ("a0.jpg", 64)):
        _, data = cv2.imencode(".jpg", np.zeros((side_px, side_px, 3), np.uint8))
        (tmp_path / name).write_bytes(data.tobytes())
    assert probe(camera(tmp_path / "a%d.jpg")).width == 32


def test_a_device_is_no_file(camera: Camera) -> None:
    with pytest.raises(SourceError, match="/dev/null is no file"):
        probe(camera("/dev/null"))


def test_the_creation_time_is_when_it_was_recorded(make_video, camera: Camera) -> None:
    known = make_video("known.mp4", metadata={"creation_time": "2023-04-03T05:49:33.000000Z"})
    assert probe(camera(known)).recorded_at == 1680500973.0
    unset = make_video("unset.mp4", metadata={"creation_time": "1970-01-01T00:00:01.000000Z"})
    assert probe(camera(unset)).recorded_at is None


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "frames", "size"),
    [
        ("vtest.avi", 795, (768, 576)),
        ("Retail02_short.mp4", 603, (1920, 1080)),
        ("one-by-one-person-detection.mp4", 1394, (768, 432)),
    ],
)
def test_every_frame_of_the_clips_comes_and_no_clock_needs_repair(
    name: str, frames: int, size: tuple[int, int], clips: Path, camera: Camera
) -> None:
    source = open_source(camera(clips / name))
    assert (source.info.width, source.info.height) == size
    clock = MediaClock(source.info.nominal_interval_s)
    times, damaged = play(source)
    assert (len(times), damaged, source.ended_early) == (frames, 0, None)
    for time in times:
        clock.read(time)
    assert clock.repairs == 0


@pytest.mark.data
def test_the_clip_whose_clock_steps_back_gives_every_frame_in_time(
    clips: Path, camera: Camera
) -> None:
    source = open_source(camera(clips / "aws-people-count-test.mp4"))
    assert source.info.nominal_fps == pytest.approx(30.28, abs=0.01)
    clock = MediaClock(source.info.nominal_interval_s)
    times, damaged = play(source)
    repaired = [clock.read(time) for time in times]
    assert (len(repaired), damaged, source.ended_early) == (1034, 0, None)
    assert all(b > a for a, b in itertools.pairwise(repaired))
    assert clock.repairs == 14
    # The clip's first two seconds stumble; after that the file's own times are right again.
    assert repaired[-1] == times[-1]
    assert max(b - a for a, b in itertools.pairwise(repaired)) < 0.2
