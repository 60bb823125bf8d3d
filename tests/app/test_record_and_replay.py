"""Frames recorded as they pass, run again: the same in all, or what differs."""

from __future__ import annotations

import json
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest
import samples
from waiting import PATIENT_S

from app.cli.main import main
from app.recording import Recorder
from app.replaying import Difference
from app.whole_file import WholeFile
from ghostpose.bus import Bus
from ghostpose.codec.recording import read_recording
from ghostpose.config import CameraConfig
from ghostpose.types import FrameId
from ingest.supervisor import run_ingest
from postprocess.loop import run_postprocess
from workers.loop import run_inference
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from pathlib import Path

    from roles import Pipeline

    from ghostpose.bus import EmbeddedServer

FRAMES = 12
ENGINE = ("--engine", "openvino", "--deterministic")


def command(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    captured = capsys.readouterr()
    assert (caught.value.code or 0) == code, captured.err
    return captured.out + captured.err


@pytest.fixture
def recorded(server: EmbeddedServer, tmp_path: Path) -> Path:
    """A recording of a whole session, whose frames wait until it has them all for the network."""
    path, stop = tmp_path / "hall.gprec", threading.Event()
    options = WorkerOptions(engine="openvino", deterministic=True)
    # The recorder ends with its connection: a machine that stands still must not.
    connection = Bus.connect(server.url, partitions=2, timeout_s=PATIENT_S)
    with connection as bus, path.open("wb", buffering=0) as file:
        bus.register_camera("hall", policy="every", credit=FRAMES)
        recorder = Recorder(bus, ["hall"], WholeFile(file, path), 10**9)
        threads = [
            threading.Thread(target=run_inference, args=(server.url, options, stop)),
            threading.Thread(target=run_postprocess, args=(server.url, stop)),
            threading.Thread(target=recorder.run, args=(done := threading.Event(), 120.0)),
        ]
        threads[2].start()
        _wait_until(lambda: recorder.result.bytes > 0)
        source = f"pattern:frames={FRAMES}&fps=10&width=320&height=240&people=2"
        camera = CameraConfig(name="hall", source=source, policy="every", height=240, credit=FRAMES)
        run_ingest(server.url, [camera], threading.Event())
        _wait_until(lambda: recorder.result.frames == FRAMES)
        for thread in threads[:2]:
            thread.start()
        _wait_until(lambda: bus.counters("hall").sessions_ended == 1)
        done.set()
        threads[2].join()
        stop.set()
        for thread in threads[:2]:
            thread.join()
        assert (recorder.result.missed, recorder.result.frames) == (0, FRAMES)
    return path


def _wait_until(condition: Any) -> None:
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("waited in vain")


def test_a_replay_with_the_same_weights_differs_in_nothing_and_with_others_says_what(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(read_recording(recorded).poses) == FRAMES
    said = command(capsys, "replay", str(recorded), *ENGINE, "--json")
    same = json.loads(said.splitlines()[0])
    assert (same["is_nothing"], same["frames"], same["moved_px"]) == (True, FRAMES, 0.0)
    other = command(capsys, "replay", str(recorded), "--engine", "stub:0")
    assert "nothing differs" not in other
    assert f"{FRAMES} frames compared" in other


def test_frames_in_work_are_recorded_and_none_is_taken(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "lobby.gprec"
    with path.open("wb", buffering=0) as file:
        recorder = Recorder(pipeline.bus, ["lobby"], WholeFile(file, path), 10**9)
        thread = threading.Thread(target=recorder.run, args=(stop := threading.Event(), 60.0))
        thread.start()
        _wait_until(lambda: recorder.result.bytes > 0)
        pipeline.publish(2)
        secret = samples.info(keep_picture=False)
        pipeline.publisher.publish(secret, samples.picture())
        _wait_until(lambda: recorder.result.frames == 2 and recorder.result.forbidden == 1)
        stop.set()
        assert pipeline.infer(9) == 3
        pipeline.commit()
        thread.join()
    assert (recorder.result.poses, recorder.result.missed) == (2, 0)
    recording = read_recording(path)
    assert [key[2] for key in recording.frames] == [0, 1]
    assert recording.poses.keys() == recording.frames.keys()


def test_a_recording_is_its_owners_alone_and_never_written_over(
    pipeline: Pipeline, server: EmbeddedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lobby.gprec"
    arguments = ("record", "lobby", "--seconds", "0.1", "--output", str(path))
    said = command(capsys, *arguments, "--redis", server.url, "--json")
    assert json.loads(said)["frames"] == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "can't be made: File exists" in command(
        capsys, *arguments, "--redis", server.url, code=2
    )
    unknown = ("record", "nobody", "--output", str(tmp_path / "x"), "--redis", server.url)
    assert "'nobody' is no camera" in command(capsys, *unknown, code=2)


def test_what_is_no_recording_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no recording")
    for file, words in ((path, "is no recording"), (tmp_path / "none", "No such file")):
        said = command(capsys, "replay", str(file), code=2)
        assert words in said
        assert len(said.splitlines()) == 1


def test_differences_are_told_apart() -> None:
    frame = FrameId("lobby", 7, 0, 1)
    both, found = samples.pose(frame, people=2), Difference()
    found.add(both, both)
    assert found.is_nothing
    found.add(both, samples.pose(frame, people=1))
    assert (found.people, found.missing, found.extra, found.is_nothing) == (4, 1, 0, False)
