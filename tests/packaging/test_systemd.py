"""deploy/systemd, held against the table of processes and, where it is there, systemd itself."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from deployed_commands import folders_of, unknown_options

from app.processes import PROCESSES, ProcessRow

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))


def read(path: Path) -> configparser.ConfigParser:
    # A unit may say a key twice; ghostpose's say so only where that adds up.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names have capitals
    parser.read(path, encoding="utf-8")
    return parser


def command_of(path: Path) -> list[str]:
    return shlex.split(read(path)["Service"]["ExecStart"])[1:]


@pytest.mark.parametrize("row", PROCESSES, ids=lambda row: row.role)
def test_each_kind_of_process_has_one_unit_which_is_a_template_if_more_share_the_work(
    row: ProcessRow,
) -> None:
    (unit,) = (path for path in SERVICES if command_of(path)[0] == row.command)
    # One ingest starts a process for each of its cameras.
    assert unit.stem.endswith("@") == (row.scales and row.role != "ingest")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_unit_starts_again_drains_and_may_do_nothing_else(unit: Path) -> None:
    command, *arguments = command_of(unit)
    assert unknown_options(command, arguments) == []
    service = read(unit)["Service"]
    assert (service["Restart"], service["User"]) == ("always", "ghostpose")
    assert int(service["TimeoutStopSec"]) >= 20
    assert service["NoNewPrivileges"] == service["ProtectHome"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert "MemoryMax" in service
    assert read(unit)["Unit"]["PartOf"] == "ghostpose.target"


def test_jobs_are_bound_to_folders_that_systemd_makes_and_that_hold_no_store() -> None:
    unit = UNITS / "ghostpose-jobs@.service"
    made = [f"/var/lib/{name}" for name in read(unit)["Service"]["StateDirectory"].split()]
    assert made == ["/var/lib/ghostpose", *folders_of(command_of(unit))]
    assert len(made) == 3


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("/opt/ghostpose/bin/ghostpose", "/bin/true"))
    broken = tmp_path / "ghostpose-broken.service"
    broken.write_text("[Service]\nExecStart=/bin/true\nRestrat=always\n", encoding="utf-8")

    def verify(*units: Path) -> str:
        names = [path.name.replace("@.", "@1.") for path in units]
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *names],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return "\n".join(line for line in done.stderr.splitlines() if "ghostpose" in line)

    units = [tmp_path / path.name for path in UNITS.iterdir()]
    assert verify(*units) == ""
    assert "Restrat" in verify(broken)
