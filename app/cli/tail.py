"""`ghostpose tail`: follow the poses and events of cameras."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from app.cli import options

if TYPE_CHECKING:
    from ghostpose.client import EventRecord, PoseRecord

EXAMPLES: Final = (
    "Examples: ghostpose tail --redis redis://10.0.0.5; ghostpose tail door --json --from-start"
)


def tail(
    cameras: Annotated[
        list[str] | None, typer.Argument(metavar="CAMERA", help="Only these [default: all]")
    ] = None,
    redis: options.RedisUrl = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print pose messages as JSON lines (no events)")
    ] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with what the server still holds")
    ] = False,
) -> None:
    """Print poses as they are committed, until Ctrl-C or SIGTERM."""
    from app.stopping import stop_event
    from ghostpose.client import PoseReader, PoseRecord
    from ghostpose.config import DEFAULT_REDIS_URL

    stop = stop_event()
    start: Literal["begin", "now"] = "begin" if from_start else "now"
    with PoseReader(redis or DEFAULT_REDIS_URL, cameras or None, start=start) as reader:
        for unknown in sorted(set(cameras or ()) - set(reader.cameras)):
            typer.echo(f"ghostpose: {_waiting_for(unknown)}", err=True)
        while not stop.is_set():
            for record in reader.read(block_s=0.5):
                if not as_json:
                    typer.echo(_line(record))
                elif isinstance(record, PoseRecord):
                    typer.echo(record.json.decode())
            sys.stdout.flush()


def _waiting_for(camera: str) -> str:
    """Say that a camera isn't there: its name may be wrong, or it begins later."""
    from ghostpose.printable import printable

    name = printable(camera)
    return f"there is no camera {name!r} yet: waiting for it (tail without names follows all)"


def _line(record: PoseRecord | EventRecord) -> str:
    """Say in a line what a record holds."""
    from ghostpose.client import EventRecord
    from ghostpose.printable import printable

    message = record.message
    name = f"{message.camera}/{message.session}/{message.seq}"
    if isinstance(record, EventRecord):
        details = " ".join(f"{key}={value}" for key, value in record.message.details.items())
        return printable(f"{name} {record.message.kind} {details}".rstrip())
    people = record.message.people
    tracks = " ".join(person.track or "?" for person in people)
    seen = f"{name} at {record.message.media_time:.2f} s: {len(people)} people {tracks}"
    return printable(seen.rstrip())
