"""What files of deployments say of the processes they start."""

from __future__ import annotations

from typer.testing import CliRunner

from app.cli.main import app


def unknown_options(command: str, arguments: list[str]) -> list[str]:
    """Return the options among `arguments` that `ghostpose COMMAND` doesn't have."""
    shown = CliRunner().invoke(app, [command, "--help"]).output
    return [a for a in arguments if a.startswith("--") and f"{a} " not in shown]
