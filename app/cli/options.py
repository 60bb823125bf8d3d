"""Options that several commands share, written once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from ghostpose.errors import UserError

# The same names as in ghostpose.types and ghostpose.config, which would bring numpy with them.
PolicyName = Literal["latest", "every"]
PictureName = Literal["jpeg", "raw"]
PrivacyName = Literal["none", "blur_faces", "blur_bodies", "skeleton"]
PrecisionName = Literal["auto", "f32", "bf16", "f16", "int8"]

Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE", help="Cameras' addresses, video files, folders of pictures"),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML file; options given here win over it"),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis",
        metavar="URL",
        help="redis://, rediss:// or unix:// server [default: redis://127.0.0.1:6379/0]",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(help="Inference engine: auto, openvino, torch, or stub:MS (a stand-in)"),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
Precision = Annotated[PrecisionName | None, typer.Option(help="Numbers the network computes with")]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Weights or network file instead of ghostpose's own"),
]
Threads = Annotated[
    int | None, typer.Option(min=0, help="CPU threads a process; 0 = share the cores")
]
Batch = Annotated[int | None, typer.Option(min=0, help="Frames a step; 0 = what suits the device")]
Policy = Annotated[
    PolicyName | None,
    typer.Option(help="every: recordings, nothing is skipped; latest: live, the newest frame wins"),
]
Height = Annotated[int | None, typer.Option(help="Network height in pixels [default: 368]")]
Fps = Annotated[float | None, typer.Option(help="At most so many frames a second of each source")]
Picture = Annotated[PictureName | None, typer.Option(help="How pictures travel")]
Privacy = Annotated[
    PrivacyName | None, typer.Option(help="How people are hidden in pictures that are shown")
]
Loop = Annotated[bool, typer.Option("--loop", help="Begin a recording again at its end")]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Database, such as sqlite:///poses.sqlite"),
]
KeepDays = Annotated[float | None, typer.Option(help="Remove what came longer ago than this")]
MaxGb = Annotated[
    float | None, typer.Option(help="Remove the oldest until the rest takes at most this")
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics", metavar="HOST:PORT", help="Serve /metrics, /healthz and /readyz there"
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        "--listen", metavar="HOST:PORT", help="Serve the page here [default: 127.0.0.1:8642]"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
Jobs = Annotated[
    str | None,
    typer.Option(
        "--jobs",
        metavar="URL",
        envvar="GHOSTPOSE_JOBS_URL",
        help="Server that holds the queue of jobs [default: that of --redis]",
    ),
]
Queue = Annotated[
    bool, typer.Option("--queue", help="Leave it to ghostpose jobs work; print the job's id")
]
Wait = Annotated[bool, typer.Option("--wait", help="With --queue: show progress until it is done")]
OfCameras = Annotated[
    list[str] | None, typer.Option("--camera", metavar="NAME", help="Of this camera; repeatable")
]
OfSession = Annotated[int | None, typer.Option("--session", min=0, help="Of this session only")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="From this time on: 2026-11-25, 2026-11-25T08:30, with or"
                 " without a time zone (then this machine's)"),
]  # fmt: skip
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Until before this time")]


def parse_size(text: str, option: str) -> tuple[int, int]:
    """Return width and height of `WxH`, given as `option`.

    Raises:
        UserError: the text has another form.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None:
        raise UserError(f"{option} {text!r} is not WIDTHxHEIGHT, as in 368x368")
    return int(match[1]), int(match[2])
