"""Runs in which something goes wrong: what can be summed up is, and what is wrong is said."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import samples
from run_support import (
    CLIP,
    CLIP_FRAMES,
    SHORT_FRAMES,
    Ghostpose,
    camera_processes,
    ghostpose,
    parent_of,
    read_lines,
    slow_run,
    standing_still,
    wait_until,
)

from ghostpose.bus import Bus, EmbeddedServer, FramePublisher, FrameReader

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(150)

POSES_AT_1_FPS = 24

IMPATIENT = """
from app.cli.main import main
from app.launch import Children
from app.store_drain import drain_store
drain_store.__defaults__ = (2.0,)  # instead of 20 s for a store that makes no progress
Children.stop.__defaults__ = (1.0,)  # instead of 10 s for one that is asked to stop
main()
"""


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as started:
        yield started


def server_of(run: Ghostpose) -> int:
    """The run's own server, which writes its title over its environment and the mark in it."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        pid = int(comm.parent.name)
        with contextlib.suppress(OSError):  # it ended meanwhile
            if comm.read_text().startswith("valkey") and parent_of(pid) == run.process.pid:
                return pid
    raise AssertionError("the run has no server")


def wait_for_poses(folder: Path) -> None:
    poses = folder / "poses.jsonl"
    wait_until(lambda: poses.exists() and poses.stat().st_size > 0)


def test_a_recording_whose_process_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    run = slow_run(tmp_path)
    wait_for_poses(tmp_path)
    (camera,) = camera_processes(run)
    os.kill(camera, signal.SIGKILL)
    done = run.finish()
    assert done.code == 0, done.err
    assert "starts again" in done.err
    messages = read_lines(tmp_path)
    assert [message["seq"] for message in messages] == list(range(SHORT_FRAMES))
    assert len({message["session"] for message in messages}) == 1
    times = [message["media_time"] for message in messages]
    assert times == sorted(set(times))
    assert done.summary["frames"] == done.summary["poses"] == SHORT_FRAMES


def test_what_an_earlier_run_left_in_flight_is_not_counted(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    with Bus.connect(server.url) as bus:
        bus.register_camera("vtest-cut", policy="every", credit=4)
        former = FramePublisher(bus, "vtest-cut")
        former.open_session()
        for _ in range(3):
            former.publish(samples.info(), samples.picture())
        arguments = ("--engine", "stub:1", "--fps", "1", "--height", "64", "--redis", server.url)
        done = ghostpose("run", CLIP, *arguments, "--output", tmp_path, "--json")
        counters = bus.counters("vtest-cut")
    assert done.code == 0, done.err
    assert counters.published == 3 + POSES_AT_1_FPS
    assert done.summary["poses"] == len(read_lines(tmp_path)) == POSES_AT_1_FPS
    assert done.summary["frames"] == CLIP_FRAMES
    assert former.session not in {message["session"] for message in read_lines(tmp_path)}


def test_a_server_that_is_away_for_longer_than_a_connection_tries_is_waited_for(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    run = slow_run(tmp_path, "--redis", server.url)
    with Bus.connect(server.url) as bus:
        wait_until(lambda: bus.counters("vtest-cut").poses > 0)
    away, back, said = "Waiting for it", "ghostpose: the server answers again", ""
    assert run.process.stderr is not None
    with standing_still(server.pid):
        while away not in said:
            line = run.process.stderr.readline()
            assert line, "the run ended"
            said += line
    said += run.process.stderr.read()
    done = run.finish()
    assert done.code == 0, said
    assert said.count(away) == said.count(back) > 0
    assert done.summary["frames"] == done.summary["poses"] == SHORT_FRAMES


def test_a_run_whose_own_server_is_gone_says_so_and_sums_up_what_came(tmp_path: Path) -> None:
    run = slow_run(tmp_path)
    wait_for_poses(tmp_path)
    os.kill(server_of(run), signal.SIGKILL)
    done = run.finish()
    assert done.code == 1
    assert "ghostpose: stopped, since the run's own server has ended" in done.err
    assert done.summary["poses"] == len(read_lines(tmp_path)) > 0


def test_a_frame_that_is_given_up_is_a_dead_letter_and_exit_code_3(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    run = slow_run(tmp_path, "--redis", server.url)
    with Bus.connect(server.url) as bus:
        wait_until(lambda: bus.counters("vtest-cut").poses > 0)
        saboteur, taken = FrameReader(bus, "saboteur"), []
        while not taken:
            taken = saboteur.take(1, 1.0)
            assert run.process.poll() is None
        saboteur.bury(taken[0], "poison", "tested")
        saboteur.close()
    done = run.finish()
    assert done.code == 3, done.err
    assert (done.summary["frames"], done.summary["dead"]) == (SHORT_FRAMES, 1)
    lost = taken[0].message.id.seq
    wanted = [seq for seq in range(SHORT_FRAMES) if seq != lost]
    assert [message["seq"] for message in read_lines(tmp_path)] == wanted


def test_the_log_level_and_debug_reach_every_process(tmp_path: Path) -> None:
    run = slow_run(tmp_path, "--debug", before=("--log-level", "info"))
    wait_for_poses(tmp_path)
    for role in ("ingest", "infer", "postprocess", "store"):
        lines = [line for line in run.left_running() if f" {role} " in line]
        assert lines
        assert all("--log-level info " in line and " --debug " in line for line in lines)
    run.process.terminate()
    assert run.finish().code == 0


def test_a_worker_that_an_operator_stops_is_started_again(tmp_path: Path) -> None:
    run = slow_run(tmp_path)
    wait_for_poses(tmp_path)
    (worker,) = run.children("infer")
    os.kill(worker, signal.SIGTERM)
    done = run.finish()
    assert done.code == 0, done.err
    assert "inference 1 ended with exit code 0; started again" in done.err
    assert done.summary["poses"] == SHORT_FRAMES


def test_a_store_that_can_not_write_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    run = slow_run(tmp_path, program=IMPATIENT)
    wait_for_poses(tmp_path)
    with sqlite3.connect(tmp_path / "ghostpose.sqlite", isolation_level=None) as database:
        database.execute("BEGIN EXCLUSIVE")
        done = run.finish()
        database.execute("ROLLBACK")
    assert done.code == 1
    assert "ghostpose: the store was stopped with " in done.err
    assert done.summary["poses"] == SHORT_FRAMES


def test_a_signal_while_drawing_keeps_the_poses_and_their_summary(tmp_path: Path) -> None:
    arguments = ("--engine", "stub:1", "--height", "64", "--output", str(tmp_path), "--json")
    run = Ghostpose(("run", str(CLIP), *arguments, "--annotate"))
    wait_until((tmp_path / "vtest-cut.mp4").exists)
    run.process.terminate()
    done = run.finish()
    assert done.code == 0, done.err
    assert "ghostpose: drawing was stopped" in done.err
    assert done.summary["poses"] == len(read_lines(tmp_path)) == CLIP_FRAMES


def test_a_disk_without_room_for_the_poses_ends_a_run_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "poses.jsonl").symlink_to("/dev/full")
    arguments = ("--engine", "stub:1", "--fps", "1", "--height", "64", "--json")
    done = ghostpose("run", CLIP, *arguments, "--output", tmp_path)
    assert done.code == 1
    assert "poses.jsonl: can't be written" in done.err
    assert "No space left on device" in done.err
    assert "internal error" not in done.err
