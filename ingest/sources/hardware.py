"""Decoding on a GPU or another device, where there is one; else in software, said once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import av.error
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_log = logging.getLogger("ingest.sources.Hardware")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device that works here: FFmpeg's name of it, and what to open streams with."""

    kind: str
    hwaccel: HWAccel


@cache
def accelerator(wanted: str) -> Accelerator | None:
    """Return what decodes on the device `wanted` (`auto`: whatever is there); None: software does.

    Looked for once a process: a device doesn't come while a camera plays.
    """
    if wanted == "none":
        return None
    built = list(hwdevices_available())
    reasons = []
    for kind in built if wanted == "auto" else [wanted]:
        reason = _why_not(kind) if kind in built else "this FFmpeg is built without it"
        if reason is None:
            return Accelerator(kind, HWAccel(kind, allow_software_fallback=True))
        reasons.append(f"{kind}: {reason}")
    _log.warning("decodes in software: %s", "; ".join(reasons) or "this FFmpeg knows no device")
    return None


def _why_not(kind: str) -> str | None:
    try:
        HWAccel(kind).create(Codec("h264", "r"))
    except av.error.FFmpegError as error:
        return f"no such device here ({(error.strerror or 'unknown').lower()})"
    except NotImplementedError:
        return "it can't decode H.264"
    return None


def device_of(stream: VideoStream, hardware: Accelerator | None) -> str:
    """Return where `stream` is decoded, for its description: ` on cuda`, or `` for software."""
    if hardware is None:
        return ""
    if stream.codec_context.is_hwaccel:
        return f" on {hardware.kind}"
    _say_once(hardware.kind, stream.codec_context.name)
    return ""


@cache
def _say_once(kind: str, codec: str) -> None:
    _log.warning("decodes in software: %s has no decoder of %s", kind, codec)
