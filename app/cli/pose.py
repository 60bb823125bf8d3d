"""`ghostpose pose`: skeletons in single pictures, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from app.pictures import PictureResult

EXAMPLES: Final = (
    "Examples: ghostpose pose street.jpg --output drawn; ghostpose pose *.jpg --json --height 576"
)

USER_MISTAKE: Final = 2


def pose(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Picture files")],
    as_json: options.AsJson = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the pictures here, skeletons drawn")
    ] = None,
    height: options.Height = None,
    engine: options.Engine = None,
    device: options.Device = None,
    precision: options.Precision = None,
    weights: options.Weights = None,
    threads: options.Threads = None,
) -> None:
    """Find people in pictures. A picture that can't be read is named and left out (exit code 2)."""
    from app.folders import make_output
    from app.pictures import find_people
    from app.settings import read_config, updated
    from ghostpose.config import CameraConfig
    from ghostpose.errors import SourceError
    from postprocess.grouping import GroupingOptions
    from workers.engines import create_engine

    given = {"engine": engine, "device": device, "precision": precision, "weights": weights}
    chosen = read_config(None, inference={**given, "threads": threads}).inference
    rows = updated(CameraConfig(name="picture", source="-"), {"height": height}).height
    network = create_engine(
        chosen.engine,
        weights=chosen.weights,
        device=chosen.device,
        precision=chosen.precision,
        threads=chosen.threads,
    )
    if output is not None:
        make_output(output)
    problems, taken = 0, set[Path]()
    for path in images:
        try:
            result = find_people(path, network, rows, GroupingOptions())
        except SourceError as error:
            typer.echo(f"ghostpose: {error}", err=True)
            problems += 1
            continue
        typer.echo(json_line(path, result) if as_json else _sentence(path, result))
        if output is not None:
            _draw(path, result, output, taken)
    raise typer.Exit(USER_MISTAKE if problems else 0)


def json_line(path: Path, result: PictureResult) -> str:
    """Return a picture's line: a pose message with `image` for camera, without what is a stream's.

    There is no session, seq or track.
    """
    import json

    from ghostpose.codec.poses import encode_pose

    message = json.loads(encode_pose(result.message))
    for stream_only in ("camera", "session", "seq"):
        del message[stream_only]
    for person in message["people"]:
        del person["track"]
    return json.dumps({"image": str(path), **message}, separators=(",", ":"))


def _sentence(path: Path, result: PictureResult) -> str:
    count = len(result.message.people)
    milliseconds = result.message.timings_ms.inference
    return f"{path}: {count} {'person' if count == 1 else 'people'} ({milliseconds:.0f} ms)"


def _draw(path: Path, result: PictureResult, folder: Path, taken: set[Path]) -> None:
    """Write `STEM-pose.png`, `STEM-pose-2.png` if this call has written that already."""
    import itertools

    import cv2

    from ghostpose.drawing import draw_people
    from ghostpose.errors import ConfigError

    numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (folder / f"{path.stem}-pose{number}.png" for number in numbers)
    target = next(name for name in names if name not in taken)
    taken.add(target)
    _, data = cv2.imencode(".png", draw_people(result.image_hw3, result.message.people))
    try:
        target.write_bytes(data.tobytes())
    except OSError as error:
        raise ConfigError(f"--output {target}: can't be written: {error.strerror}") from error
