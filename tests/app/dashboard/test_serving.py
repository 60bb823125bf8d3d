"""Where the dashboard listens, and for whom: mistakes are one sentence, before anything starts."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from disks import mounted

from app.cli.main import main
from app.dashboard.listen import Listen, free_listen, open_listener, parse_listen
from app.dashboard.serving import checked_listen, read_tokens, served
from app.dashboard.tokens import VARIABLE, Identity, identify, make_token
from app.dashboard.web import make_app
from ghostpose.dashboard import DashboardConfig
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ghostpose.bus import Bus


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what a command that is the user's mistake says."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    "arguments", [("dashboard", "0.0.0.0:8642"), ("run", "x.mp4", "--listen", "0.0.0.0:8642")]
)
def test_without_a_token_others_are_not_let_in(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "without a token it listens to this machine only" in refused(capsys, *arguments)


@pytest.mark.parametrize("address", ["8642", "127.0.0.1:nine", ":8642", "127.0.0.1:70000", "a:-1"])
def test_what_is_no_address_is_said(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is no HOST:PORT" in refused(capsys, "run", "x.mp4", "--listen", address)


def test_addresses_of_this_machine_are_known() -> None:
    for text in ("127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"):
        assert parse_listen(text).is_loopback
        assert str(parse_listen(text)) == text
    for text in ("0.0.0.0:1", "[::]:1", "10.0.0.5:1", "camera-wall:1"):
        assert not parse_listen(text).is_loopback


def test_a_port_that_is_taken_is_said_and_the_demo_takes_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"can't listen at 127\.0\.0\.1:{port}"):
            open_listener(Listen("127.0.0.1", port))
    assert free_listen("10.0.0.5:80") == Listen("10.0.0.5", 80)
    assert free_listen(None).is_loopback


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_it_is_served_by_https_where_a_certificate_is_given(bus: Bus, tmp_path: Path) -> None:
    key, certificate = tmp_path / "site.key", tmp_path / "site.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*made.split(), *names, "-keyout", key, "-out", certificate], check=True,
        capture_output=True,
    )  # fmt: skip
    config = DashboardConfig(certificate=certificate, key=key)
    app = make_app(bus, {}, jobs_url="redis://127.0.0.1:1")
    with open_listener(Listen("127.0.0.1", 0)) as listener, served(app, listener, config):
        port = listener.getsockname()[1]
        trusting = ssl.create_default_context(cafile=certificate)
        answer = httpx.get(f"https://127.0.0.1:{port}/api/me", verify=trusting, timeout=60)
    assert answer.json()["name"] == "local"
    assert "max-age" in answer.headers["strict-transport-security"]


def test_a_token_is_made_by_a_command_and_only_its_hash_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "tokens.txt"
    said = []
    for name in ("anna", "bert"):
        with pytest.raises(SystemExit):
            main(["dashboard-token", name, "--role", "admin", "--add", str(kept)])
        said.append(capsys.readouterr().out.strip())
    assert kept.stat().st_mode & 0o077 == 0
    tokens = read_tokens(DashboardConfig(tokens=kept))
    assert identify(tokens, said[1]) == Identity("bert", "admin")
    assert said[0] not in kept.read_text()
    assert "two tokens are named anna" in refused(
        capsys, "dashboard-token", "anna", "--add", str(kept)
    )
    open_to_all = DashboardConfig(listen="0.0.0.0:8642", tokens=kept)
    assert checked_listen(open_to_all, is_open=False).port == 8642


def test_a_full_disk_costs_no_token_that_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "disk", "8k") as disk:
        kept = disk / "tokens.txt"
        _, line = make_token("anna", "admin")
        held = f"{line}\n".ljust(os.sysconf("SC_PAGE_SIZE") - 10, "#")
        kept.write_text(held)
        with suppress(OSError):
            (disk / "more").write_bytes(bytes(8192))
        said = refused(capsys, "dashboard-token", "bert", "--add", str(kept))
        assert "No space left on device" in said
        assert kept.read_text() == held


def test_tokens_come_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["dashboard-token", "anna"])
    token, line = (text.partition(": ")[2] for text in capsys.readouterr().out.splitlines())
    monkeypatch.setenv(VARIABLE, line)
    assert identify(read_tokens(DashboardConfig()), token) == Identity("anna", "viewer")
    empty = tmp_path / "empty.txt"
    empty.touch()
    with pytest.raises(ConfigError, match="there is no token in"):
        read_tokens(DashboardConfig(tokens=empty))
    with pytest.raises(ConfigError, match="can't be read"):
        read_tokens(DashboardConfig(tokens=tmp_path / "none.txt"))
    with pytest.raises(ConfigError, match="can't be read"):
        checked_listen(DashboardConfig(certificate=tmp_path / "none.pem"), is_open=True)
