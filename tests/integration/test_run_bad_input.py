"""What a user gets wrong: each mistake its sentence and exit code, and nothing started.

What `ghostpose run` finds out before it starts a process is asked of it within this one.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from run_support import (
    CLIP,
    ROOT,
    Finished,
    Ghostpose,
    assert_complete_and_in_order,
    ghostpose,
    read_lines,
)

from app.cli.main import main
from app.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

    Run = Callable[..., Finished]

pytestmark = pytest.mark.timeout(120)

WEIGHTS = ROOT / "ghostpose" / "network" / "weights" / "pose.safetensors"


def sentence(done: Finished, code: int = 2) -> str:
    """The only line on stderr, with nothing on stdout."""
    assert done.code == code, done.err
    (line,) = done.err.splitlines()
    assert line.startswith("ghostpose: ")
    assert done.out == ""
    return line


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Call `ghostpose run` in this process, where it may start no other."""

    def call(*arguments: str | Path) -> Finished:
        monkeypatch.setattr(Pipeline, "run", lambda _: pytest.fail("the run was begun"))
        with pytest.raises(SystemExit) as ended:
            main(["run", *map(str, arguments)])
        out, err = capfd.readouterr()
        return Finished(int(ended.value.code or 0), out, err)

    return call


def test_a_missing_file(tmp_path: Path) -> None:
    line = sentence(ghostpose("run", tmp_path / "none.mp4", "--output", tmp_path / "out"))
    assert "none.mp4" in line
    assert not (tmp_path / "out").exists()


def test_one_bad_source_among_good_ones_starts_nothing(tmp_path: Path, run: Run) -> None:
    done = run(CLIP, tmp_path / "none.mp4", "--output", tmp_path / "out")
    assert "none.mp4" in sentence(done)
    assert not (tmp_path / "out").exists()


def test_a_text_file_called_mp4(tmp_path: Path, run: Run) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video at all\n" * 100)
    assert "notes.mp4" in sentence(run(text))


def test_a_file_with_sound_only(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        container.mux([*stream.encode(silence), *stream.encode(None)])
    line = sentence(run(path))
    assert "has no video in it, only audio" in line


def test_a_video_that_was_cut_off_gives_what_it_has_and_exit_code_2(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mkv"
    with av.open(str(CLIP)) as source, av.open(str(whole), "w", format="matroska") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    arguments = ("--engine", "stub:1", "--height", "128", "--json")
    done = ghostpose("run", cut, *arguments, "--output", tmp_path / "out")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("ghostpose: camera cut:")
    messages = read_lines(tmp_path / "out")
    assert_complete_and_in_order(messages)
    assert 60 < len(messages) < 240
    assert done.summary["poses"] == len(messages)


def test_an_unknown_key_in_the_configuration(tmp_path: Path, run: Run) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(f"cameras:\n- source: {CLIP}\n  hieght: 576\n")
    line = sentence(run("--config", site))
    assert "site.yaml, line 3: cameras[0].hieght is no known setting" in line
    assert "'height'" in line


def test_no_redis_at_the_address(tmp_path: Path) -> None:
    """All roles at once, since each waits for the server for some seconds."""
    url = f"unix://{tmp_path}/nobody.sock"
    roles = [
        Ghostpose((*arguments, "--redis", url))
        for arguments in (
            ("run", str(CLIP)),
            ("ingest", str(CLIP)),
            ("infer", "--engine", "stub:1"),
            ("postprocess",),
            ("store", "--store", "sqlite://"),
            ("tail",),
        )
    ]
    for role in roles:
        assert "nobody.sock" in sentence(role.finish()), role.arguments


def test_a_password_is_not_shown() -> None:
    done = ghostpose("tail", "--redis", "redis://user:secret@127.0.0.1:1/0")
    assert "secret" not in sentence(done)


def test_weights_of_another_network(tmp_path: Path) -> None:
    from safetensors.numpy import save_file  # type: ignore[import-not-found, unused-ignore]

    other = tmp_path / "other.safetensors"
    save_file({"layer.weight": np.zeros((3, 3), np.float32)}, str(other))
    arguments = ("--weights", other, "--inference", "2")
    assert "other.safetensors" in sentence(ghostpose("run", CLIP, *arguments))


def test_weights_that_are_missing(tmp_path: Path, server: EmbeddedServer) -> None:
    arguments = ("--redis", server.url, "--weights", tmp_path / "none.safetensors")
    assert "none.safetensors" in sentence(ghostpose("infer", *arguments))


def test_weights_that_are_damaged(tmp_path: Path, server: EmbeddedServer) -> None:
    damaged = tmp_path / "damaged.safetensors"
    shutil.copy(WEIGHTS, damaged)
    with damaged.open("r+b") as file:
        file.truncate(1000)
    arguments = ("--redis", server.url, "--weights", damaged)
    assert "damaged.safetensors" in sentence(ghostpose("infer", *arguments))


def test_an_engine_that_does_not_exist(server: EmbeddedServer) -> None:
    arguments = ("--redis", server.url, "--engine", "magic")
    assert "magic" in sentence(ghostpose("infer", *arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to run"),
        ((str(CLIP), "--annotate"), "--annotate needs --output"),
        ((str(CLIP), "--height", "3"), "--height"),
        ((str(CLIP), "--redis", "http://x"), "--redis: no address of a Redis server"),
    ],
)
def test_options_that_make_no_sense(arguments: tuple[str, ...], words: str, run: Run) -> None:
    assert words in sentence(run(*arguments))


def test_an_output_that_is_a_file(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").touch()
    assert "can't be made" in sentence(run(CLIP, "--output", tmp_path / "file"))
