"""Where pictures come from: `open_source` opens any source, `probe` only looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.errors import SecretError, SourceError
from ghostpose.passwords import resolved
from ingest.prepare import plan_for
from ingest.sources.address import check_options, code_option, number_option, parse_address
from ingest.sources.protocol import Item, NoPicture, Picture, Source, SourceInfo, Undecodable

if TYPE_CHECKING:
    from ghostpose.config import CameraConfig
    from ingest.sources.address import Address

__all__ = [
    "Item",
    "NoPicture",
    "Picture",
    "Source",
    "SourceInfo",
    "Undecodable",
    "open_source",
    "probe",
]


def open_source(camera: CameraConfig) -> Source:
    """Open a camera's source, at `start_s`, and for ever if it says `loop`.

    Passwords that its address refers to are looked up now.

    Raises:
        SourceError: one sentence: which camera, what was wanted, what is there.
    """
    address = parse_address(camera.name, _with_passwords(camera))
    first = _open(camera, address, camera.start_s)
    if not camera.loop or first.info.live:
        return first
    from ingest.sources.replay import Replay

    return Replay(first, lambda: _open(camera, address, 0.0))


def _with_passwords(camera: CameraConfig) -> str:
    try:
        return resolved(f"camera {camera.name}", camera.source)
    except SecretError as error:
        raise SourceError(str(error)) from None


def probe(camera: CameraConfig) -> SourceInfo:
    """Open a camera's source, decode its first picture, plan its preparation, and close it.

    What can be known to be wrong before anything is started is found here.

    Raises:
        SourceError: as `open_source`, or the region isn't inside the picture.
    """
    source = open_source(camera)
    try:
        plan_for(camera, source.info.width, source.info.height)
        return source.info
    finally:
        source.close()


def _open(camera: CameraConfig, address: Address, start_s: float) -> Source:
    """Open by kind; each kind imports what it needs when it is used."""
    match address.kind:
        case "stream":
            from ingest.sources.stream import NetworkStream

            return NetworkStream(camera, address.url)
        case "snapshot":
            from ingest.sources.snapshots import Snapshots

            return Snapshots(camera, address.url)
        case "device":
            return _open_device(camera.name, address)
        case "pattern":
            return _open_pattern(camera.name, address, start_s)
        case "folder":
            return _open_folder(camera.name, address, start_s)
        case "file":
            from ingest.sources.video_file import VideoFile

            return VideoFile(camera.name, address.path, start_s)


def _open_folder(camera: str, address: Address, start_s: float) -> Source:
    from ingest.sources.image_folder import DEFAULT_FPS, ImageFolder

    check_options(camera, address.options, ("fps",))
    fps = number_option(camera, address.options, "fps", DEFAULT_FPS, low=0.01, high=1000)
    return ImageFolder(camera, address.path, fps, start_s)


def _open_device(camera: str, address: Address) -> Source:
    from ingest.sources.device import Device, DeviceOptions

    given = address.options
    check_options(camera, given, ("width", "height", "fps", "format"))
    options = DeviceOptions(
        width=int(number_option(camera, given, "width", 0, low=1, high=16384)),
        height=int(number_option(camera, given, "height", 0, low=1, high=16384)),
        fps=number_option(camera, given, "fps", 0, low=0.01, high=1000),
        format=code_option(camera, given, "format"),
    )
    return Device(camera, address.path, options)


def _open_pattern(camera: str, address: Address, start_s: float) -> Source:
    from ingest.sources.test_pattern import PatternOptions, TestPattern

    given = address.options
    check_options(camera, given, ("width", "height", "fps", "people", "frames", "seed"))
    plain = PatternOptions()

    def number(name: str, default: float, low: float, high: float) -> float:
        return number_option(camera, given, name, default, low=low, high=high)

    options = PatternOptions(
        width=int(number("width", plain.width, 32, 7680)),
        height=int(number("height", plain.height, 32, 4320)),
        fps=number("fps", plain.fps, 0.01, 1000),
        people=int(number("people", plain.people, 0, 200)),
        frames=int(number("frames", plain.frames, 0, 1e9)),
        seed=int(number("seed", plain.seed, 0, 2**32)),
    )
    return TestPattern(options, start_s)
