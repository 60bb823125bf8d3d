"""The command itself: quick, honest about mistakes, and helpful."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import main as main_module
from app.cli.cameras import COMMANDS as CAMERA_COMMANDS
from app.cli.main import COMMANDS, app, main
from ghostpose import __version__
from ghostpose.errors import GhostposeError, SourceError

ROOT = Path(__file__).parents[2]

HEAVY = {"numpy", "cv2", "av", "torch", "openvino", "numba", "redis", "pydantic", "sqlalchemy"}


def ghostpose(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli.main", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from app.cli.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(' '.join(sys.modules))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(shown.stdout.split())


def test_help_takes_less_than_four_tenths_of_a_second_of_processor_time() -> None:
    """Processor time, since how long it takes is a matter of what else the machine does."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert ghostpose("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(5)) < 0.4


def test_numpy_and_opencv_start_no_threads() -> None:
    script = (
        "import os\n"
        "from app.cli.main import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "except SystemExit:\n"
        "    import cv2, numpy\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    shown = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split()[-1] == "1"


def test_the_version_is_the_packages() -> None:
    assert ghostpose("--version").stdout == f"ghostpose {__version__}\n"


@pytest.mark.parametrize(
    "name",
    [
        *COMMANDS,
        "config validate",
        *(f"cameras {name}" for name in CAMERA_COMMANDS),
        "store",
        "store migrate",
    ],
)
def test_every_command_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert f"ghostpose {name} " in shown.output.split("xample", 1)[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run", "--nonsense"], "No such option: --nonsense"),
        (["run", "a.mp4", "--inference", "0"], "greater than or equal to 1"),
        (["run", "a.mp4", "--policy", "some"], "'some' is not one of"),
        (["store", "--store", "sqlite:///a", "migrate"], "options go behind 'migrate'"),
        (["retention", "--store", "sqlite:///a"], "how much is to be kept?"),
        (["--log-level", "loud", "tail"], "'loud' is no log level"),
        (["chaos", "--timeline", "/proc/none/x.svg"], "--timeline /proc/none/x.svg: can't be writ"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str], words: str) -> None:
    result = ghostpose(*arguments)
    assert result.returncode == 2
    assert words in result.stderr


def fail_with(error: Exception, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main_module, "app", broken)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code or 0


def test_an_error_of_ours_is_one_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(SourceError("door: no such file"), monkeypatch) == 2
    assert capsys.readouterr().err == "ghostpose: door: no such file\n"
    assert fail_with(GhostposeError("broken"), monkeypatch) == 1


def test_debug_shows_the_trace_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(SourceError("door: no such file"), monkeypatch, "run", "--debug")
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_of_ours_is_one_sentence_that_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(KeyError("seq\nno"), monkeypatch) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "internal error: KeyError" in lines[0]
    assert "--debug" in lines[0]


def test_a_place_that_may_not_be_written_is_the_users_and_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(PermissionError(13, "Permission denied", "/srv/x.onnx"), monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ghostpose: /srv/x.onnx: Permission denied: name another place")


def test_a_reader_that_has_gone_is_no_error() -> None:
    command = f"{sys.executable} -m app.cli.main --help | head -1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
