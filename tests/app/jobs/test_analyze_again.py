"""The same command again, after it was killed or was done: nothing lost, doubled or done twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from job_site import JobSite
from job_support import DOOR, FIRST, HALL, SECOND
from waiting import wait_until

from app.jobs.journal import Journal, recording_of
from ghostpose.bus import Bus
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.bus.sessions import SessionState, session_state
from ghostpose.config import CameraConfig
from ghostpose.types import EventMessage
from ingest.supervisor import run_ingest
from postprocess.store import Batch, open_database, queries, write_batch
from postprocess.store.removal import remove_cut_off

if TYPE_CHECKING:
    from collections.abc import Sequence

    from job_support import Command

    from ghostpose.bus import EmbeddedServer

ROOT = Path(__file__).parents[3]
FRAMES = 120
VIDEO = f"pattern:frames={FRAMES}&fps=50&width=64&height=48"


def begun(*arguments: str) -> subprocess.Popen[bytes]:
    """Start `ghostpose analyze` in a process group of its own."""
    command = [sys.executable, "-m", "app.cli.main", "analyze", VIDEO, *arguments]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command, cwd=ROOT, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)


def rows(database: Path, session: int | None = None) -> list[tuple[Any, ...]]:
    """Return who is in which frame of a session (None: all that there are), but for its number."""
    with closing(sqlite3.connect(database)) as connection:
        wanted = "" if session is None else f"WHERE poses.session = {session}"
        return connection.execute(
            "SELECT poses.seq, media_time_s, poses.people, x, y, w, h, keypoints FROM poses"
            " LEFT JOIN people ON people.camera_id = poses.camera_id AND people.seq = poses.seq"
            f" AND people.session = poses.session {wanted} ORDER BY poses.seq, x, y"
        ).fetchall()


def sessions(database: Path) -> list[int]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        found = "SELECT DISTINCT session FROM poses ORDER BY session"
        try:
            return [session for (session,) in connection.execute(found)]
        except sqlite3.OperationalError:  # it is being made
            return []


def is_published(state: SessionState | None) -> bool:
    """Whether a session has a frame."""
    return state is not None and state.published > 0


def test_in_a_deployment_a_killed_one_goes_on_in_its_session(
    server: EmbeddedServer, ghostpose: Command, tmp_path: Path
) -> None:
    with JobSite(lambda _: server.url, tmp_path) as site:
        common = ("--redis", site.url, "--height", "64", "--json")
        with site.held_after(10), Bus.connect(server.url) as bus:
            first = begun(*common)
            wait_until(lambda: is_published(session_state(bus, "pattern")), "its first frame")
            kill_group(first)
            state = session_state(bus, "pattern")
        assert state is not None
        assert state.published < FRAMES
        session = state.session
        said = ghostpose("analyze", VIDEO, *common)
        row = json.loads(said.splitlines()[0])["videos"]["pattern"]
        assert (row["session"], row["frames"], row["poses"]) == (session, FRAMES, FRAMES)
        assert site.stored("pattern") == [(session, seq) for seq in range(FRAMES)]
        assert "was analysed before" in ghostpose("analyze", VIDEO, *common)
        assert sessions(site.database) == [session]
        ghostpose("analyze", VIDEO, *common, "--again")
        _, undisturbed = sessions(site.database)
        assert rows(site.database, session) == rows(site.database, undisturbed)


def test_by_itself_a_killed_one_is_done_anew_in_place_of_its_part(
    ghostpose: Command, tmp_path: Path
) -> None:
    config, store = tmp_path / "stub.yaml", tmp_path / "poses.sqlite"
    config.write_text("inference: {engine: 'stub:15'}")
    common = ("--store", f"sqlite:///{store}", "--config", str(config), "--height", "64")
    first = begun(*common)
    wait_until(lambda: sessions(store), "a part is stored")
    below = children_of(first.pid)
    kill_group(first)
    for pid in below:  # each in a session of its own; asked to, they stop only after a while
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), "all are gone")
    (cut_off,) = sessions(store)
    assert {row[0] for row in rows(store)} < set(range(FRAMES))
    said = ghostpose("analyze", VIDEO, "no.mp4", *common, code=2)
    assert f"pattern: {FRAMES} frames, {FRAMES} poses, 0 skipped, 0 gaps" in said
    assert "no.mp4" in said
    (session,) = sessions(store)
    assert session > cut_off
    assert sorted({row[0] for row in rows(store)}) == list(range(FRAMES))
    assert "was analysed before" in ghostpose("analyze", VIDEO, *common)


def children_of(pid: int) -> Sequence[int]:
    """Return the processes below one."""
    direct = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*direct, *(further for child in direct for further in children_of(child))]


def test_one_that_is_stopped_leaves_its_session_open_and_the_next_goes_on_in_it(
    server: EmbeddedServer,
) -> None:
    camera = CameraConfig(name="hall", source=VIDEO, policy="every", credit=4, height=64)
    opened, players = list[int](), set[int]()
    with Bus.connect(server.url) as bus:

        def full_one() -> int:
            """Return the process that has published what it may; 0: none has, or a former one."""
            state, said = session_state(bus, "hall"), read_camera_states(bus).get("hall")
            is_full = state is not None and state.in_flight == camera.credit
            return said.pid if is_full and said and said.session and said.pid not in players else 0

        for _ in range(2):
            stop = threading.Event()
            former = {"hall": session} if (session := max(opened, default=0)) else {}
            play = partial(run_ingest, former=former, leave_open=True)
            player = threading.Thread(target=play, args=(server.url, [camera], stop))
            player.start()
            players.add(wait_until(full_one, "it has published what it may"))
            stop.set()
            player.join(60)
            state = session_state(bus, "hall")
            assert state is not None
            opened.append(state.session)
            assert not bus.client.hexists(bus.keys.camera("hall"), "ended")
    assert len(set(opened)) == 1


def test_another_recording_or_other_settings_are_another_analysis(tmp_path: Path) -> None:
    clip, said = tmp_path / "hall.mp4", list[str]()
    clip.write_bytes(b"1")
    camera = CameraConfig(name="hall", source=str(clip), policy="every")
    first = recording_of(camera)
    assert recording_of(camera) == first
    assert recording_of(camera.model_copy(update={"credit": 3})) == first
    assert recording_of(camera.model_copy(update={"height": 64})) != first
    assert recording_of(camera, "other weights") != first
    clip.write_bytes(b"12")
    assert recording_of(camera) != first
    journal = Journal(tmp_path / "state", said.append)
    entry = journal.begin("hall", first, 1, again=False).opened(5)
    journal.keep("hall", entry)
    assert journal.begin("hall", first, 2, again=False) == entry
    assert journal.begin("hall", "another", 3, again=False).sessions == ()
    assert said == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"recording": 3}', b"\xff"])
def test_a_damaged_entry_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "hall.json").write_bytes(content)
    assert Journal(tmp_path, print).begin("hall", "it", 7, again=False).since_ms == 7


def test_where_nothing_can_be_noted_it_is_said_and_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").touch()
    said: list[str] = []
    assert Journal(tmp_path / "state", said.append).begin("hall", "it", 7, again=False)
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 54_321)  # nobody's number: a user without a home
    assert Journal.of("site", said.append).begin("hall", "it", 7, again=False)
    assert ["set XDG_STATE_HOME" in one for one in said] == [True, True]


def test_only_what_was_cut_off_goes_from_the_store(store_url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    shutil.copy(store_url.removeprefix("sqlite:///"), copy)
    engine = open_database(f"sqlite:///{copy}")

    def stored() -> set[tuple[str, int]]:
        cameras = queries.cameras(engine)
        return {
            (one.name, s.session) for one in cameras for s in queries.sessions(engine, one.name)
        }

    everything = {(HALL, FIRST), (HALL, SECOND), (DOOR, FIRST)}
    end = EventMessage("session_end", HALL, FIRST, 40, {"frames_read": 40, "skipped": {}})
    with engine.begin() as connection:
        write_batch(connection, Batch((), (end,)))
    assert remove_cut_off(engine, HALL, since=FIRST, until=SECOND, known=()) == ()
    assert stored() == everything, "somebody else's, which came to its end"
    assert remove_cut_off(engine, HALL, since=FIRST, until=SECOND, known=(FIRST, SECOND)) == (
        FIRST,
    )
    assert stored() == {(HALL, SECOND), (DOOR, FIRST)}
    assert queries.events(engine, HALL, 0, 2e9) == ()
    assert remove_cut_off(engine, HALL, since=FIRST, until=SECOND + 1, known=()) == (SECOND,)
    engine.dispose()
