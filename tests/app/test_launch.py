"""Children of a run: watched, started again, drained, and gone with their parent."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import waiting

from app.launch import SAID_KEPT, Children, ProcessDiedError
from app.processes import PROCESSES, row_of
from ghostpose.stopping import stop_signals_held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


wait_until = partial(waiting.wait_until, what="what this test waits for", limit_s=60.0)


class Scripted(Children):
    """Starts `python -c SCRIPT` in place of `ghostpose ROLE`."""

    def _spawn(self, row, arguments):  # type: ignore[no-untyped-def]
        return subprocess.Popen(
            [sys.executable, "-c", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def children(said: list[str]) -> Iterator[Scripted]:
    started = Scripted(said.append)
    yield started
    started.stop(grace_s=1)


def check_until(children: Children, condition: Callable[[], bool]) -> None:
    def both() -> bool:
        children.check()
        return condition()

    wait_until(both)


def test_the_table_needs_only_roles_that_it_has() -> None:
    roles = [row.role for row in PROCESSES]
    assert len(set(roles)) == len(roles)
    assert all(need in roles for row in PROCESSES for need in row.needs)


def test_a_signal_that_comes_before_a_child_can_drain_waits_for_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, time\n"
        "from app.stopping import stop_event\n"
        f"pathlib.Path({str(tmp_path / 'started')!r}).touch()\n"
        "time.sleep(0.3)\n"
        "assert stop_event().wait(60)\n"
    )
    with stop_signals_held():
        child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    wait_until((tmp_path / "started").exists)
    child.terminate()
    assert child.wait(timeout=60) == 0


def test_ingest_that_ends_well_is_forgotten(children: Scripted) -> None:
    children.start(row_of("ingest"), 1, ["pass"])
    check_until(children, lambda: children.running("ingest") == 0)
    assert children.exit_codes == [("ingest", 0)]


def test_a_worker_that_was_stopped_from_outside_is_started_again(
    children: Scripted, said: list[str], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    script = (
        f"import pathlib, time; mark = pathlib.Path({str(mark)!r})\n"
        "if mark.exists(): time.sleep(60)\n"
        "mark.touch()"
    )
    children.start(row_of("inference"), 1, [script])
    check_until(children, lambda: bool(said))
    assert said == ["ghostpose: inference 1 ended with exit code 0; started again"]
    assert children.running("inference") == 1


def test_a_worker_that_ends_while_the_run_stops_stays_away(children: Scripted) -> None:
    children.start(row_of("inference"), 1, ["pass"])
    wait_until(lambda: children.children[0].process.poll() is not None)
    children.check(stopping=True)
    assert children.exit_codes == [("inference", 0)]


def test_lines_said_are_remembered_only_so_long(children: Scripted, said: list[str]) -> None:
    script = f"import sys; sys.stderr.writelines(f'{{n}}\\n' for n in range({3 * SAID_KEPT}))"
    children.start(row_of("ingest"), 1, [script])
    check_until(children, lambda: children.running("ingest") == 0)
    assert len(said) == 3 * SAID_KEPT
    assert len(children._said) == SAID_KEPT


def test_a_crashed_child_is_started_again_and_the_user_is_told(
    children: Scripted, said: list[str], tmp_path: Path
) -> None:
    script = f"""
import os, pathlib, signal, time
mark = pathlib.Path({str(tmp_path / "mark")!r})
if mark.exists():
    time.sleep(60)
mark.touch()
os.kill(os.getpid(), signal.SIGKILL)
"""
    children.start(row_of("postprocess"), 1, [script])
    check_until(children, lambda: bool(said))
    assert said == ["ghostpose: postprocess 1 ended with signal SIGKILL; started again"]
    assert children.running("postprocess") == 1


def test_a_child_that_crashes_for_ever_is_given_up(children: Scripted) -> None:
    children.start(row_of("postprocess"), 1, ["raise SystemExit(5)"])
    with pytest.raises(ProcessDiedError, match="exit code 5 for the 4th time") as caught:
        check_until(children, lambda: False)
    assert caught.value.exit_code == 1


def test_ingest_is_not_started_again_since_frames_would_come_twice(children: Scripted) -> None:
    assert row_of("ingest").restarts_in_run == 0
    children.start(row_of("ingest"), 1, ["import os; os.kill(os.getpid(), 9)"])
    with pytest.raises(ProcessDiedError, match="ingest 1 ended with signal SIGKILL"):
        check_until(children, lambda: False)


def test_a_source_that_failed_does_not_stop_what_others_gave(children: Scripted) -> None:
    children.start(row_of("ingest"), 1, ["raise SystemExit(2)"])
    check_until(children, lambda: children.running("ingest") == 0)
    assert children.exit_codes == [("ingest", 2)]


def test_a_mistake_of_the_user_is_said_once_and_ends_the_run(
    children: Scripted, said: list[str]
) -> None:
    script = "import sys; sys.stderr.write('ghostpose: no such weights\\n'); sys.exit(2)"
    children.start(row_of("inference"), 3, [script])
    with pytest.raises(ProcessDiedError) as caught:
        check_until(children, lambda: False)
    children.stop()
    assert (str(caught.value), caught.value.exit_code) == ("", 2)
    assert said == ["ghostpose: no such weights"]


def test_a_child_that_does_not_drain_in_time_is_killed(children: Scripted) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    children.start(row_of("store"), 1, [script])
    children.stop(grace_s=0.5)
    assert children.exit_codes[0][1] in (-signal.SIGKILL, -signal.SIGTERM)
    assert children.running("store") == 0


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    child_pid = tmp_path / "pid"
    child = (
        "import os, pathlib, sys, time\n"
        "from app.launch import die_with_parent\n"
        "die_with_parent(int(sys.argv[1]))\n"
        f"pathlib.Path({str(child_pid)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    parent = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}, str(os.getpid())])\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT)
    try:
        wait_until(lambda: child_pid.exists() and bool(child_pid.read_text()))
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not alive(int(child_pid.read_text())))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it ends, if need be while it is read
        return False


def test_a_crash_leaves_no_memory_on_disk() -> None:
    """One byte: none would still hand the memory to a program that collects dumps."""
    program = (
        "import subprocess, sys\n"
        "from app.cli.main import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "except SystemExit:\n"
        "    subprocess.run(['sh', '-c', 'grep core /proc/self/limits'], check=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split("size")[1].split()[0] in ("0", "1"), done.stdout
