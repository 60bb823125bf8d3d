"""`ghostpose chaos`: drill this installation, by killing its processes under load."""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

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
    from app.chaos.drill import Drill
    from ghostpose.sockets import socket_folder

    chosen = secrets.randbelow(10**6) if seed is None else seed
    typer.echo(f"seed {chosen}")
    with tempfile.TemporaryDirectory(prefix="gp-chaos-", dir=socket_folder()) as folder:
        drill = Drill(Path(folder), seconds=60 * minutes, seed=chosen, calm=calm, say=typer.echo)
        outcome = drill.run()
        log = (Path(folder) / "log.txt").read_text(errors="replace")
    typer.echo(report.table(outcome))
    if timeline_to is not None:
        timeline_to.write_text(timeline.svg(outcome))
    if outcome.ledger.violations:
        typer.echo("\n".join(("what the processes said last:", *log.splitlines()[-40:])))
        typer.echo("\n".join(("broken:", *(f"  {one}" for one in outcome.ledger.violations))))
    typer.echo(json.dumps(report.values(outcome, chosen)))
    raise typer.Exit(1 if outcome.ledger.violations else 0)
