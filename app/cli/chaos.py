"""`ghostpose chaos`: drill this installation, by killing its processes under load."""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from app.chaos.drill import Outcome

MOST_LINES: Final = 40
"""Of what the drill's processes said, shown when something was broken."""

EXAMPLES: Final = (
    "Examples: ghostpose chaos --minutes 2; ghostpose chaos --minutes 60 --calm; ghostpose chaos"
    " --minutes 30 --seed 7"
)


def chaos(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long things go wrong")] = 2.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same faults in the same order [default: random]")
    ] = None,
    calm: Annotated[
        bool, typer.Option("--calm", help="Nothing goes wrong: watch memory and latency only")
    ] = False,
    timeline_to: Annotated[
        Path | None,
        typer.Option("--timeline", metavar="FILE", help="Draw what happened when, as SVG"),
    ] = None,
) -> None:
    """Run a deployment of its own and have things go wrong, while an outsider keeps the books.

    Four recordings and four live cameras, several processes a role, a server that keeps its data,
    all on this machine and for this drill only; what runs here already isn't touched. Processes are
    killed, stopped and skewed, links cut, the server killed. At the end each frame must have had
    one outcome, in order, here and in the database. The last line is JSON; 1 is returned if
    anything was lost, doubled, out of order, stuck, late or grew.
    """
    from app.chaos import report, timeline
    from app.stopping import StopAskedError, stop_signals_raised

    _check_writable(timeline_to)
    chosen = secrets.randbelow(10**6) if seed is None else seed
    typer.echo(f"seed {chosen}")
    try:
        with stop_signals_raised():
            outcome, said = _drill(60 * minutes, chosen, calm)
    except StopAskedError as asked:
        raise SystemExit(asked.exit_code) from None
    typer.echo(report.table(outcome))
    if timeline_to is not None:
        timeline_to.write_text(timeline.svg(outcome))
    if outcome.ledger.violations:
        typer.echo("\n".join(("what the processes said last:", *said[-MOST_LINES:])))
        typer.echo("\n".join(("broken:", *(f"  {one}" for one in outcome.ledger.violations))))
    typer.echo(json.dumps(report.values(outcome, chosen)))
    raise typer.Exit(1 if outcome.ledger.violations else 0)


def _check_writable(file: Path | None) -> None:
    """Make the file, so that a drill of hours doesn't end at its name.

    Raises:
        ConfigError: it can't be written.
    """
    try:
        if file is not None:
            file.touch()
    except OSError as error:
        raise ConfigError(f"--timeline {file}: can't be written: {error.strerror}") from error


def _drill(seconds: float, seed: int, calm: bool) -> tuple[Outcome, list[str]]:
    """Return what it came to, and the lines that its processes wrote."""
    from app.chaos.drill import Drill
    from ghostpose.sockets import socket_folder

    with tempfile.TemporaryDirectory(prefix="ghostpose-chaos-", dir=socket_folder()) as folder:
        drill = Drill(Path(folder), seconds=seconds, seed=seed, calm=calm, say=typer.echo)
        outcome = drill.run()
        return outcome, (Path(folder) / "log.txt").read_text(errors="replace").splitlines()
