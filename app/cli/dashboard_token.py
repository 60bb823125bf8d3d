"""`ghostpose dashboard-token`: a new token for the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

EXAMPLES: Final = "Example: ghostpose dashboard-token anna --role admin --add tokens.txt"


def dashboard_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is; the audit log's name")],
    role: Annotated[
        Literal["viewer", "admin"], typer.Option(help="viewer: looks; admin: changes, too")
    ] = "viewer",
    add: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Add its hash to this file [default: print it]"),
    ] = None,
) -> None:
    """Make a token: it is printed once, and only its hash is kept."""
    from app.dashboard.tokens import make_token, parse_tokens
    from ghostpose.errors import ConfigError

    token, line = make_token(name, role)
    if add is None:
        typer.echo(f"token: {token}\nline to keep: {line}")
        return
    try:
        kept = add.read_text("utf-8") if add.exists() else ""
        text = f"{kept.rstrip()}\n{line}\n".lstrip()
        parse_tokens(text, str(add))
        add.touch(mode=0o600)
        add.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"--add {add}: {error.strerror}") from error
    typer.echo(token)
