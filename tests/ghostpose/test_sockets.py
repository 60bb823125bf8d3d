from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import ghostpose.sockets
from ghostpose.bus import EmbeddedServer
from ghostpose.errors import ConfigError
from ghostpose.sockets import LONGEST_FOLDER, socket_folder

LONGEST_SOCKET_NAME = 107

PROGRAM = """
import multiprocessing, multiprocessing.util, tempfile
from ghostpose.sockets import shorten_multiprocessing_sockets
shorten_multiprocessing_sockets()
with multiprocessing.get_context("forkserver").Pool(1) as pool:
    print(pool.apply(abs, (-7,)), multiprocessing.util.get_temp_dir(), tempfile.gettempdir())
"""


@pytest.fixture
def long_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a temporary folder that the name of a socket in it would be too long for."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_sockets_lie_in_the_temporary_folder_unless_its_name_is_too_long(
    monkeypatch: pytest.MonkeyPatch, long_folder: Path
) -> None:
    assert socket_folder() == "/tmp"
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        assert socket_folder() == short


def test_the_longest_folder_leaves_room_for_the_sockets_that_are_made() -> None:
    in_a_folder_of_multiprocessing = "/pymp-12345678/listener-12345678"
    in_a_folder_of_the_server = "/ghostpose-12345678/redis.sock"
    for name in (in_a_folder_of_multiprocessing, in_a_folder_of_the_server):
        assert LONGEST_FOLDER + len(name) <= LONGEST_SOCKET_NAME
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match="too long"):
        one.bind("x" * (LONGEST_SOCKET_NAME + 1))


@pytest.mark.usefixtures("long_folder")
def test_without_any_folder_of_a_short_name_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ghostpose.sockets, "SHORT_FOLDERS", ("/nowhere",))
    with pytest.raises(ConfigError, match="set TMPDIR to a folder whose name has at most 70"):
        socket_folder()


@pytest.mark.usefixtures("long_folder")
def test_the_embedded_server_starts_beside_a_folder_of_a_long_name() -> None:
    with EmbeddedServer(maxmemory_mb=16) as server:
        private = Path(server.url.removeprefix("unix://")).parent
        assert private.parent == Path("/tmp")
    assert not private.exists()


def test_processes_of_a_fork_server_start_beside_a_folder_of_a_long_name(
    long_folder: Path,
) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer, sockets, others = done.stdout.split()
    assert answer == "7"
    assert Path(sockets).parent == Path("/tmp")
    assert Path(others) == long_folder, "all else goes where the user said"
    assert not Path(sockets).exists(), "removed at the end"
