"""`ghostpose run` over recordings: real server, real processes, every frame once and in order."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from typing import TYPE_CHECKING

import pytest
from run_support import (
    CLIP,
    CLIP_FRAMES,
    Ghostpose,
    assert_complete_and_in_order,
    camera_processes,
    ghostpose,
    read_lines,
    standing_still,
    wait_until,
)
from stored import rows_of

from ghostpose.bus import Bus, EmbeddedServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(150)

SUMMARY_FIELDS = {
    "frames",
    "poses",
    "skipped",
    "dead",
    "people",
    "tracks",
    "fps",
    "latency_ms",
}


def test_every_frame_of_a_recording_becomes_one_pose_message_in_order(tmp_path: Path) -> None:
    done = ghostpose("run", CLIP, "--engine", "stub:1", "--output", tmp_path, "--json")
    assert (done.code, done.err) == (0, "")
    messages = read_lines(tmp_path)
    assert len(messages) == CLIP_FRAMES
    assert_complete_and_in_order(messages)
    summary = done.summary
    assert set(summary) == SUMMARY_FIELDS | {"cameras"}
    assert (summary["frames"], summary["poses"], summary["skipped"]) == (240, 240, 0)
    assert summary["dead"] == 0
    assert summary["fps"] > 0
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]
    assert set(summary["cameras"]) == {"vtest-cut"}
    assert set(summary["cameras"]["vtest-cut"]) == SUMMARY_FIELDS


def test_the_store_holds_what_was_delivered(tmp_path: Path) -> None:
    arguments = ("--engine", "stub:1", "--fps", "2", "--output", tmp_path, "--json")
    done = ghostpose("run", CLIP, *arguments)
    assert done.code == 0
    with sqlite3.connect(tmp_path / "ghostpose.sqlite") as database:
        (poses,) = database.execute("SELECT count(*) FROM poses").fetchone()
    assert poses == done.summary["poses"] == 48
    assert done.summary["frames"] == 240
    assert done.summary["skipped"] == 192


def test_four_cameras_with_two_workers_each_are_complete_and_in_order(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        f"""
cameras:
- &base {{name: one, source: {CLIP}, policy: every, height: 128}}
- {{<<: *base, name: two, start_s: 6}}
- {{<<: *base, name: three, mirror: true, start_s: 12}}
- {{<<: *base, name: four, fps: 5}}
inference: {{processes: 2, engine: "stub:2"}}
postprocess: {{processes: 2}}
"""
    )
    done = ghostpose("run", "--config", site, "--output", tmp_path, "--json")
    assert done.code == 0, done.err
    messages = read_lines(tmp_path)
    for name, frames, poses in [
        ("one", 240, 240),
        ("two", 180, 180),
        ("three", 120, 120),
        ("four", 240, 120),
    ]:
        own = [message for message in messages if message["camera"] == name]
        assert_complete_and_in_order(own)
        camera = done.summary["cameras"][name]
        assert (camera["frames"], camera["poses"], len(own)) == (frames, poses, poses)
        assert camera["skipped"] == frames - poses


def short_clip(folder: Path) -> str:
    """Write a configuration that plays ten frames of the clip through the network."""
    site = folder / "site.yaml"
    site.write_text(f"cameras: [{{source: {CLIP}, policy: every, start_s: 23, height: 368}}]")
    return str(site)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a deterministic run of the short clip left its results."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = ghostpose("run", "--config", short_clip(folder), "--deterministic", "--output", folder)
    assert done.code == 0, done.err
    return folder


def test_equal_input_gives_equal_poses_when_that_is_asked_for(
    tmp_path: Path, undisturbed: Path
) -> None:
    arguments = ("--config", short_clip(tmp_path), "--deterministic", "--inference", "2")
    assert ghostpose("run", *arguments, "--output", tmp_path).code == 0
    first, second = ([m["people"] for m in read_lines(one)] for one in (undisturbed, tmp_path))
    assert len(first) == 10
    assert any(first)
    assert second == first
    assert rows_of(tmp_path) == rows_of(undisturbed)


def test_a_run_whose_processes_are_killed_leaves_the_same_rows(
    tmp_path: Path, undisturbed: Path
) -> None:
    arguments = ("--config", short_clip(tmp_path), "--deterministic", "--output", str(tmp_path))
    poses = tmp_path / "poses.jsonl"
    with EmbeddedServer() as server, Bus.connect(server.url) as bus:
        run = Ghostpose(("run", *arguments, "--redis", server.url))
        wait_until(lambda: run.children("infer"))
        with standing_still(*run.children("infer")):
            wait_until(lambda: bus.counters("vtest-cut").in_flight > 0)
            # It has published no more than its credit, so the run can't come to its end now.
            cameras = camera_processes(run)
            for pid in cameras:
                os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: poses.exists() and poses.stat().st_size > 0)
        for pid in (*run.children("infer"), *run.children("postprocess"), *cameras):
            os.kill(pid, signal.SIGKILL)
        done = run.finish()
    assert done.code == 0, done.err
    assert "inference 1 ended with signal SIGKILL; started again" in done.err
    assert_complete_and_in_order(read_lines(tmp_path))
    assert rows_of(tmp_path) == rows_of(undisturbed)


def test_a_live_camera_skips_and_counts(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(f"cameras: [{{source: {CLIP}, start_s: 20, credit: 1, height: 128}}]")
    arguments = ("--config", site, "--engine", "stub:250", "--output", tmp_path, "--json")
    done = ghostpose("run", *arguments)
    assert done.code == 0, done.err
    summary = done.summary
    assert summary["frames"] == 40
    assert summary["skipped"] > 0
    assert summary["frames"] == summary["poses"] + summary["skipped"]
    assert_complete_and_in_order(read_lines(tmp_path))


def test_a_run_can_use_a_server_that_is_there_and_twice(tmp_path: Path) -> None:
    with EmbeddedServer() as server:
        tracks = set()
        for name in ("first", "second"):
            arguments = ("--engine", "stub:1", "--fps", "1", "--redis", server.url)
            done = ghostpose("run", CLIP, *arguments, "--output", tmp_path / name, "--json")
            assert done.code == 0, done.err
            assert done.summary["poses"] == 24
            messages = read_lines(tmp_path / name)
            assert_complete_and_in_order(messages)
            tracks.add(messages[0]["session"])
        assert len(tracks) == 2


def test_a_person_at_the_terminal_sees_a_table(tmp_path: Path) -> None:
    done = ghostpose("run", "pattern:frames=5&fps=10", "--engine", "stub:1", "--height", "64")
    assert done.code == 0, done.err
    assert "frames" in done.out
    assert "pattern" in done.out
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.out.splitlines()[-1])


def test_a_temporary_folder_of_a_long_name_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sockets can't be made in it, since Linux takes names of at most 107 bytes."""
    long = tmp_path / ("long" * 40)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    done = ghostpose("run", "pattern:frames=5", "--engine", "stub:1", "--json")
    assert (done.code, done.err, done.summary["poses"]) == (0, "", 5)
    assert list(long.iterdir()) == []
