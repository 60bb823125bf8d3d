"""What `ps` shows of a running `ghostpose`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostpose.bus import EmbeddedServer

ROOT = Path(__file__).parents[2]


def test_a_password_given_on_the_command_line_is_taken_off_it(server: EmbeddedServer) -> None:
    url = server.url.replace("unix://", "unix://admin:s3cret@")
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "tail", "--redis", url],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()  # it fails, since the server has no such user
        code = process.wait(30)
    assert code == 2
    assert "unix://***@" in said
    assert "s3cret" not in said


def test_arguments_without_a_password_stay_as_they_are() -> None:
    program = (
        "from app.arguments import hide_passwords_of_arguments as hide; hide();"
        "print(open('/proc/self/cmdline', 'rb').read().split(bytes(1)))"
    )
    given = ["clip.mp4", "rtsp://a:s3cret@h/live", "", "--height", "576"]
    shown = subprocess.run(
        [sys.executable, "-c", program, *given],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "s3cret" not in shown
    for argument in ("b'clip.mp4'", "b'rtsp://***@h/live'", "b'--height'", "b'576'"):
        assert argument in shown
