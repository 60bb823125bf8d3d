"""The built wheel, installed in an environment of its own: what users get."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from ghostpose import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]
SHIPPED_SUFFIXES = {
    ".py", ".lua", ".safetensors", ".xml", ".bin", ".json", ".typed",
    ".html", ".css", ".js", ".svg",
}  # fmt: skip


def checked(*command: str, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy, so that no build folder is left in the working tree."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    checked(*pip, "--wheel-dir", "dist", ".", cwd=source)
    (built,) = (source / "dist").glob("ghostpose-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a new environment that sees this one's other packages.

    A path that a `.pth` file names is searched last, and `.pth` files in it are not read: so
    dependencies are found, and the working tree is not.
    """
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    pip = (sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"))
    checked(*pip, "install", "--quiet", "--no-deps", str(wheel), cwd=home)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def run_ghostpose(installed: Path, *arguments: str) -> str:
    return checked(str(installed / "bin" / "ghostpose"), *arguments, cwd=installed)


def test_everything_that_runs_is_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in SHIPPED_SUFFIXES and "__pycache__" not in path.parts
    }
    assert any(name.endswith(".lua") for name in wanted)
    assert any(name.endswith(".safetensors") for name in wanted)
    assert wanted <= packed
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in packed)
    assert any(name.endswith("licenses/LICENSE") for name in packed)


def test_the_installed_command_runs_from_the_wheel(installed: Path) -> None:
    assert run_ghostpose(installed, "--version") == f"ghostpose {__version__}\n"
    assert "run" in run_ghostpose(installed, "--help")
    where = checked(
        str(installed / "bin" / "python"),
        "-c",
        "import app, ghostpose; print(app.__file__, ghostpose.__file__)",
        cwd=installed,
    )
    assert all(path.startswith(str(installed)) for path in where.split())


def test_the_installed_command_checks_a_configuration(installed: Path) -> None:
    site = installed / "site.yaml"
    site.write_text("cameras: [{source: door.mp4}]")
    assert "door" in run_ghostpose(installed, "config", "validate", str(site))


def test_the_installed_weights_and_scripts_can_be_read(installed: Path) -> None:
    script = (
        "from importlib.resources import files\n"
        "weights = files('ghostpose') / 'network' / 'weights' / 'pose.safetensors'\n"
        "assert len(weights.read_bytes()) > 1_000_000\n"
        "scripts = files('ghostpose') / 'bus' / 'scripts'\n"
        "assert sum(path.name.endswith('.lua') for path in scripts.iterdir()) >= 5\n"
    )
    checked(str(installed / "bin" / "python"), "-c", script, cwd=installed)


def test_the_installed_command_migrates_a_database(installed: Path) -> None:
    script = "from postprocess.store import open_database; open_database('sqlite:///poses.sqlite')"
    checked(str(installed / "bin" / "python"), "-c", script, cwd=installed)
    migrate = ("store", "migrate", "--store", "sqlite:///poses.sqlite")
    assert "are now of 1" in run_ghostpose(installed, *migrate, "--to", "1")
    assert "of version 1 are now of 2" in run_ghostpose(installed, *migrate)


def test_a_reader_of_poses_needs_neither_torch_nor_opencv(installed: Path) -> None:
    script = (
        "import sys, ghostpose.client\n"
        "heavy = {'torch', 'cv2', 'av', 'openvino', 'numba', 'scipy', 'sqlalchemy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    checked(str(installed / "bin" / "python"), "-c", script, cwd=installed)


def test_locks_name_no_hosts_and_pin_everything_with_hashes() -> None:
    for lock in sorted((ROOT / "locks").glob("*.txt")):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock
        blocks = [b for b in text.replace("\\\n", "").splitlines() if b and b[0] not in "# "]
        assert blocks
        assert all("==" in block and "--hash=sha256:" in block for block in blocks), lock


def test_locks_hold_every_dependency_but_torch() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    roles = ("server", "ingest", "infer", "postprocess", "mqtt", "dashboard", "jobs", "scores")
    wanted = {
        "run": project["dependencies"] + [r for name in roles for r in extras[name]],
        "test": extras["dev"] + extras["train"],
        "build": PROJECT["build-system"]["requires"],
    }
    for lock, requirements in wanted.items():
        text = (ROOT / "locks" / f"{lock}.txt").read_text(encoding="utf-8")
        pinned = {line.split("==")[0] for line in text.splitlines() if "==" in line}
        names = {_name(requirement) for requirement in requirements} - {"ghostpose", "torch"}
        assert names <= pinned, f"run `make lock`: {lock}.txt lacks {names - pinned}"
    assert "torch" not in pinned


def _name(requirement: str) -> str:
    end = next((i for i, c in enumerate(requirement) if c in "[<>=~! ;"), len(requirement))
    return requirement[:end].lower().replace("_", "-")


def test_make_knows_the_targets_that_the_readme_names() -> None:
    for target in ("demo", "test", "lint", "bench", "clean"):
        environment = {**os.environ, "MAKEFLAGS": ""}
        result = subprocess.run(
            ["make", "--dry-run", target],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
