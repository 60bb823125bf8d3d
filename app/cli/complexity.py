"""`ghostpose complexity`: parameters and computation of our networks and the paper's baselines."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from app.cli.options import parse_size
from ghostpose.errors import EngineError

if TYPE_CHECKING:
    from rich.table import Table

    from ghostpose.network.complexity import Complexity


EXAMPLES: Final = "Example: ghostpose complexity --size 368x368 --json"


class Claim(NamedTuple):
    """What the paper says about a network at 368x368."""

    parameters_millions: float
    gmacs: float


PAPER: Final = {"pose": Claim(3.82, 7.0), "lightweight-openpose": Claim(4.09, 9.0)}
"""The paper's figures; its own network has more parameters there than its Table 2 gives."""

BASELINE: Final = "lightweight-openpose"
CLASSIC: Final = "openpose"


def complexity(
    size: Annotated[
        str, typer.Option(help="Width and height of the picture, multiples of 8.")
    ] = "368x368",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of {name, parameters, gmacs}.")
    ] = False,
) -> None:
    """Count parameters and computation of the networks, beside what the paper claims."""
    width_px, height_px = parse_size(size, "--size")
    if importlib.util.find_spec("torch") is None:
        raise EngineError(
            "ghostpose complexity needs torch to build the networks: install it with"
            " pip install 'ghostpose[torch]'"
        )
    from ghostpose.network.complexity import measure_all

    counted = measure_all(height_px, width_px)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in counted]))
    else:
        _print_tables(size, {row.name: row for row in counted})


def _print_tables(size: str, counted: dict[str, Complexity]) -> None:
    from rich.console import Console

    console = Console()
    console.print(_networks_table(size, counted))
    console.print(_claims_table(counted))


def _networks_table(size: str, counted: dict[str, Complexity]) -> Table:
    from rich.table import Table

    table = Table(title=f"Counted at {size}; the paper's figures are for 368x368")
    table.add_column("network", no_wrap=True)
    for column in ("parameters", "GMACs", "paper: parameters", "paper: GMACs"):
        table.add_column(column, justify="right")
    for row in counted.values():
        claim = PAPER.get(row.name)
        says = (f"{claim.parameters_millions:.2f} M", f"{claim.gmacs:g}") if claim else ("-", "-")
        table.add_row(row.name, f"{row.parameters / 1e6:.2f} M", f"{row.gmacs:.2f}", *says)
    return table


def _claims_table(counted: dict[str, Complexity]) -> Table:
    from rich.table import Table

    table = Table(title="The paper's claims, and what we count")
    table.add_column("claim")
    for name in _our_names(counted):
        table.add_column(name, justify="right")
    for row in claim_rows(counted):
        table.add_row(*row)
    return table


def _our_names(counted: dict[str, Complexity]) -> list[str]:
    return [name for name in counted if name.startswith("pose")]


def claim_rows(counted: dict[str, Complexity]) -> list[tuple[str, ...]]:
    """Return each claim of the paper with what we count for each preset."""
    ours = [counted[name] for name in _our_names(counted)]
    base, classic = counted[BASELINE], counted[CLASSIC]
    return [
        (
            f"6.7 % fewer parameters than {BASELINE}",
            *(f"{100 * (1 - row.parameters / base.parameters):.1f} % fewer" for row in ours),
        ),
        (
            f"22.2 % less computation than {BASELINE}",
            *(f"{100 * (1 - row.gmacs / base.gmacs):.1f} % less" for row in ours),
        ),
        (
            f"under 1/8 of {CLASSIC}'s parameters",
            *(f"1/{classic.parameters / row.parameters:.1f}" for row in ours),
        ),
        (
            f"under 1/8 of {CLASSIC}'s computation",
            *(f"1/{classic.gmacs / row.gmacs:.1f}" for row in ours),
        ),
    ]
