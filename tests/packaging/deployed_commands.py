"""What files of deployments say of the processes they start."""

from __future__ import annotations

from itertools import pairwise

from typer.testing import CliRunner

from app.cli.main import GROUPS, app


def unknown_options(command: str, arguments: list[str]) -> list[str]:
    """Return the options among `arguments` that `ghostpose COMMAND` doesn't have."""
    is_group = command in GROUPS and not arguments[0].startswith("-")
    name = [command, arguments[0]] if is_group else [command]
    shown = CliRunner().invoke(app, [*name, "--help"]).output
    return [a for a in arguments if a.startswith("--") and f"{a} " not in shown]


def folders_of(arguments: list[str]) -> list[str]:
    """Return the folders that a worker of jobs is bound to."""
    return [value for option, value in pairwise(arguments) if option == "--folder"]
