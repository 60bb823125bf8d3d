"""The commands and programs that the README and examples/ show, run as they stand."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from ghostpose.bus import EmbeddedServer
from ghostpose.bus.keys import Keys
from ghostpose.config import camera_name_from
from ghostpose.topics import CAMERAS_KEY
from ghostpose.types import DEFAULT_PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN_URL = "redis://127.0.0.1:6379/0"

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with EmbeddedServer() as server:
        yield server.url


@pytest.fixture(scope="module")
def output(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the README's own command, but for the network, on a server that stays."""
    (command,) = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/ghostpose"
    folder = tmp_path_factory.mktemp("readme")
    arguments[arguments.index("--output") + 1] = str(folder)
    quick = ["--engine", "stub:1", "--fps", "2", "--redis", server_url]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", *arguments, *quick],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def first_lines(command: list[str], count: int) -> list[str]:
    """Return the first lines of a program that goes on for ever."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            return [process.stdout.readline() for _ in range(count)]
        finally:
            process.kill()


def redis_commands() -> list[list[str]]:
    commands = [shlex.split(line) for line in README.splitlines() if "    redis-cli" in line]
    return [command[1:] for command in commands]


def test_the_camera_shown_has_the_stream_shown() -> None:
    (source,) = re.findall(r"ghostpose run '(rtsp://\S+)' --dashboard", README)
    hget, xread = (command for command in redis_commands() if command[0] == "-s")
    camera = camera_name_from(source)
    assert hget[2:] == ["HGET", CAMERAS_KEY, camera]
    assert Keys(DEFAULT_PARTITIONS).poses(camera) in xread


def test_the_command_writes_what_the_readme_says(output: Path) -> None:
    named = set(re.findall(r"`([\w.-]+\.(?:jsonl|sqlite|mp4|png))`", README))
    assert {"poses.jsonl", "ghostpose.sqlite", "vtest-cut.mp4", "sheet.png"} <= named
    for name in ("poses.jsonl", "ghostpose.sqlite", "vtest-cut.mp4", "sheet.png"):
        assert (output / name).stat().st_size > 0, name


def test_the_python_shown_prints_people(output: Path, server_url: str) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert SHOWN_URL in block
    program = output / "shown.py"
    program.write_text(block.replace(SHOWN_URL, server_url), encoding="utf-8")
    lines = first_lines([sys.executable, "-u", str(program)], 3)
    assert all(re.match(r"vtest-cut 0 vtest-cut-\d+ \(", line) for line in lines), lines


@pytest.mark.usefixtures("output")
def test_the_redis_commands_shown_find_a_message(server_url: str) -> None:
    hget, xread = (command for command in redis_commands() if command[0] != "-s")
    with redis.Redis.from_url(server_url, decode_responses=True, protocol=2) as client:
        entry = json.loads(str(client.execute_command(*hget)))
        assert entry["poses"] in xread
        (reply,) = client.execute_command(*xread)
    (_, ((_, fields),)) = reply
    message = json.loads(fields["d"])
    table = README.split("is the message:")[1].split("\n\n[")[0]
    documented = {name for cell in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
                  for name in re.findall(r"`(\w+)`", cell)}  # fmt: skip
    assert documented == set(message)


def test_the_example_of_following_poses_prints_noses(output: Path, server_url: str) -> None:
    script = (ROOT / "examples" / "read_poses.py").read_text(encoding="utf-8")
    program = output / "follow.py"
    program.write_text(script.replace('start="now"', 'start="begin"'), encoding="utf-8")
    lines = first_lines([sys.executable, str(program), server_url], 2)
    assert all(re.match(r"\d+\.\d\d vtest-cut-\d+: nose \(", line) for line in lines), lines


@pytest.mark.usefixtures("output")
def test_the_example_with_redis_alone_counts_people(server_url: str) -> None:
    program = ROOT / "examples" / "read_poses_with_redis_alone.py"
    assert "ghostpose." not in program.read_text(encoding="utf-8").split('"""')[2].replace(
        "ghostpose:cameras", ""
    )
    lines = first_lines([sys.executable, str(program), server_url, "vtest-cut"], 2)
    assert [line.split()[2] for line in lines] == ["0", "1"]


def test_the_example_of_tracks_reads_the_file(output: Path) -> None:
    program = ROOT / "examples" / "tracks_from_file.py"
    shown = subprocess.run(
        [sys.executable, str(program), str(output / "poses.jsonl")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.match(r"vtest-cut-1: 0\.0 s to 23\.5 s, 48 frames", shown.stdout), shown.stdout


def test_every_example_is_tested_here_or_beside() -> None:
    here = Path(__file__)
    tests = [here, here.with_name("test_examples.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in tests)
    for path in (ROOT / "examples").glob("*.py"):
        assert path.name in text
