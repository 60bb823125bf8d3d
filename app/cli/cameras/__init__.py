"""`ghostpose cameras`: the registry's cameras, added and changed while everything runs.

A module here holds functions named as their command and what `EXAMPLES` shows under its help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from app.cli.cameras import edit, files, ground, look, test, tune

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    help="Cameras of the registry: added and changed while everything runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

COMMANDS: Final[dict[str, tuple[Callable[..., None], str]]] = {
    "add": (edit.add, edit.EXAMPLES["add"]),
    "set": (edit.set_, edit.EXAMPLES["set"]),
    "pause": (edit.pause, edit.EXAMPLES["pause"]),
    "resume": (edit.resume, edit.EXAMPLES["resume"]),
    "remove": (edit.remove, edit.EXAMPLES["remove"]),
    "list": (look.list_, look.EXAMPLES["list"]),
    "show": (look.show, look.EXAMPLES["show"]),
    "test": (test.test, test.EXAMPLES["test"]),
    "tune": (tune.tune, tune.EXAMPLES["tune"]),
    "ground": (ground.ground, ground.EXAMPLES["ground"]),
    "import": (files.import_, files.EXAMPLES["import"]),
    "export": (files.export, files.EXAMPLES["export"]),
}
"""Name of a command -> its function and example (order of `--help`)."""

for _name, (_function, _example) in COMMANDS.items():
    app.command(name=_name, epilog=f"Example: {_example}")(_function)
