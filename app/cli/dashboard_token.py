"""`ghostpose dashboard-token`: a new token for the dashboard."""

from __future__ import annotations

import errno
import os
from functools import partial
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
        more = f"{line}\n" if kept.endswith("\n") or not kept else f"\n{line}\n"
        parse_tokens(kept + more, str(add))
        _append(add, more.encode())
    except OSError as error:
        raise ConfigError(f"--add {add}: {error.strerror}") from error
    typer.echo(token)


def _append(path: Path, data: bytes) -> None:
    """Add to a file, which keeps its owner and rights; if that fails, it is as it was."""
    with open(path, "ab", buffering=0, opener=partial(os.open, mode=0o600)) as file:
        held = file.tell()
        try:
            if file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(held)
            raise
