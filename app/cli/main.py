"""The `ghostpose` command: one module a subcommand, registered here.

A module `app/cli/NAME.py` (`_` for `-`) holds one Typer function `NAME` and a constant `EXAMPLES`,
shown under its help. It imports nothing heavy (numpy, redis, pydantic, OpenCV, torch ...) at the
top: such imports stand inside the function, so that `ghostpose --help` answers at once (tested).

Exit codes: 0 all ended well; 1 our mistake or the machine's; 2 the user's; 3 dead letters.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from app.arguments import hide_passwords_of_arguments
from app.launch import die_with_parent, forbid_core_dumps
from ghostpose import __version__
from ghostpose.errors import GhostposeError
from ghostpose.logs import log_to_stderr
from ghostpose.printable import printable
from ghostpose.redaction import without_password

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "run": "app.cli.run",
    "ingest": "app.cli.ingest",
    "infer": "app.cli.infer",
    "postprocess": "app.cli.postprocess",
    "mirror": "app.cli.mirror",
    "dashboard": "app.cli.dashboard",
    "dashboard-token": "app.cli.dashboard_token",
    "link": "app.cli.link",
    "tail": "app.cli.tail",
    "analyze": "app.cli.analyze",
    "export-results": "app.cli.export_results",
    "render": "app.cli.render",
    "report": "app.cli.report",
    "retention": "app.cli.retention",
    "record": "app.cli.record",
    "replay": "app.cli.replay",
    "chaos": "app.cli.chaos",
    "demo": "app.cli.demo",
    "pose": "app.cli.pose",
    "plan": "app.cli.plan",
    "complexity": "app.cli.complexity",
    "train": "app.cli.train",
    "evaluate": "app.cli.evaluate",
    "evaluate-tracking": "app.cli.evaluate_tracking",
    "export-model": "app.cli.export_model",
}
"""Name of a command -> module that holds a function of that name (order of `--help`)."""

GROUPS: Final = {
    "store": "app.cli.store",
    "cameras": "app.cli.cameras",
    "jobs": "app.cli.jobs",
    "dead": "app.cli.dead",
    "config": "app.cli.config",
}
"""Name of a group of commands -> module that holds them as `app`."""

app = typer.Typer(
    name="ghostpose",
    help="People's skeletons from many cameras, as a stream.",
    epilog="First steps: ghostpose demo; ghostpose run clip.mp4 --output poses --annotate",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ghostpose {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version"),
    ] = False,
    log_level: Annotated[
        str, typer.Option(help="debug, info, warning or error; logs go to stderr")
    ] = "warning",
    log_format: Annotated[
        Literal["text", "json"], typer.Option(help="How logs are written: lines, or JSON objects")
    ] = "text",
    _debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error")] = False,
    parent: Annotated[int, typer.Option(hidden=True, help="End when this process ends")] = 0,
) -> None:
    if parent:
        die_with_parent(parent)
    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise typer.BadParameter(f"{log_level!r} is no log level", param_hint="--log-level")
    logs = ("--log-level", log_level, "--log-format", log_format)
    context.obj = (*logs, *(context.obj or ()))
    log_to_stderr(level, log_format)


def _register() -> None:
    for name, module_name in COMMANDS.items():
        module = import_module(module_name)
        app.command(name=name, epilog=module.EXAMPLES)(getattr(module, name.replace("-", "_")))
    for name, module_name in GROUPS.items():
        app.add_typer(import_module(module_name).app, name=name)


_register()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    An error that ghostpose raises on purpose is one sentence on stderr; `--debug`, anywhere on the
    command line, shows the trace as well.
    """
    if arguments is None:
        hide_passwords_of_arguments()
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    if not debug:
        forbid_core_dumps()
    # numpy and OpenCV each start a thread for every core as they are imported, to multiply large
    # matrices with, which nothing here does. In all the processes of a run that delayed its first
    # pose by a third of a second on two cores; on many cores it is many idle threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app(given, prog_name="ghostpose", obj=("--debug",) if debug else ())
    except GhostposeError as error:
        _fail(str(error), error.exit_code, debug=debug)
    except BrokenPipeError:
        # The reader of our output has gone: not an error of ours, and nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except PermissionError as error:
        what = f"{error.filename or 'a file'}: {error.strerror}"
        _fail(f"{what}: name another place, or give this user the right", 2, debug=debug)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"internal error: {reason}; run again with --debug for the trace", 1, debug=debug)


def _fail(sentence: str, exit_code: int, *, debug: bool) -> None:
    if debug:
        typer.echo(without_password(traceback.format_exc()), err=True, nl=False)
    if sentence:
        typer.echo(f"ghostpose: {printable(without_password(sentence))}", err=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
