"""How a camera's `source` is written: a path, or a scheme and what it needs.

clip.mp4, /videos/clip.mp4, file:clip.mp4    a video file
pictures/, folder:pictures?fps=25            a folder of pictures, by default 10 a second
pattern:, pattern:people=3&frames=100        a test pattern
rtsp://..., rtsps://...                      a network camera
http://..., https://...                      MJPEG, MPEG-TS, HLS, or a file that a web server has
snapshot:http://..., snapshot:https://...    an address that gives the newest picture each time
/dev/video0, device:/dev/video0?width=1280   a camera at this machine
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from ghostpose.errors import SourceError
from ghostpose.live import STREAM_SCHEMES, is_video_device

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME: Final = re.compile(r"([a-z][a-z0-9+]+):(.*)", re.DOTALL)

Kind = Literal["device", "file", "folder", "pattern", "snapshot", "stream"]


@dataclass(frozen=True, slots=True)
class Address:
    """A source as written, taken apart; `url` is that of a stream or a snapshot, as it is."""

    kind: Kind
    path: Path
    options: Mapping[str, str]
    url: str = ""


def parse_address(camera: str, source: str) -> Address:
    """Take `source` apart.

    Raises:
        SourceError: the scheme is none that can be read, or its options are no `name=value`.
    """
    found = SCHEME.fullmatch(source)
    try:
        if found is None or Path(source).exists():
            return _of_path(Path(source))
    except OSError as error:  # a name too long for any file, which an address may well be
        if found is None:
            raise SourceError(
                f"camera {camera}: {source[:80]!r} is no file's name: {error.strerror}"
            ) from error
    scheme, rest = found.groups()
    if scheme in STREAM_SCHEMES:
        return Address("stream", Path(), {}, _checked_url(camera, source))
    if scheme == "snapshot":
        return Address("snapshot", Path(), {}, _snapshot_url(camera, rest))
    if scheme == "device":
        path_text, _, query = rest.partition("?")
        return Address("device", Path(path_text), _options(camera, source, query))
    if scheme == "file":
        return Address("file", Path(rest), {})
    if scheme == "folder":
        path_text, _, query = rest.partition("?")
        return Address("folder", Path(path_text), _options(camera, source, query))
    if scheme == "pattern":
        return Address("pattern", Path(), _options(camera, source, rest.removeprefix("?")))
    raise SourceError(
        f"camera {camera}: {scheme}: is no kind of source that can be read;"
        " give rtsp://, http://, https://, snapshot:http://, device:, a video file, a folder of"
        " pictures, or pattern:"
    )


def _of_path(path: Path) -> Address:
    if path.is_dir():
        return Address("folder", path, {})
    return Address("device" if is_video_device(path) else "file", path, {})


def _snapshot_url(camera: str, url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise SourceError(
            f"camera {camera}: snapshot: wanted snapshot:http://... or snapshot:https://..."
        )
    return _checked_url(camera, url)


def _checked_url(camera: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SourceError(
            f"camera {camera}: its source is no address: wanted SCHEME://HOST[:PORT]/PATH; write"
            " special characters of a password as %40 and so on"
        )
    return url


def _options(camera: str, source: str, query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, strict_parsing=True)) if query else {}
    except ValueError as error:
        raise SourceError(
            f"camera {camera}: {source!r}: wanted options as name=value&name=value, got {query!r}"
        ) from error


def number_option(
    camera: str,
    options: Mapping[str, str],
    name: str,
    default: float,
    *,
    low: float,
    high: float,
) -> float:
    """Return option `name` as a number within low..high.

    Raises:
        SourceError: it is no number, or out of range.
    """
    text = options.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SourceError(
            f"camera {camera}: source option {name}={text}: wanted a number from {low:g} to"
            f" {high:g}"
        )
    return value


def code_option(camera: str, options: Mapping[str, str], name: str) -> str:
    """Return option `name` as the four characters of a format, empty if it isn't given.

    Raises:
        SourceError: it isn't four letters or digits.
    """
    text = options.get(name, "")
    if text and not re.fullmatch(r"[A-Za-z0-9]{4}", text):
        raise SourceError(
            f"camera {camera}: source option {name}={text}: wanted four letters, such as MJPG"
        )
    return text


def check_options(camera: str, options: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse options that the source doesn't have.

    Raises:
        SourceError: names the first one and those that exist.
    """
    for name in options:
        if name not in known:
            raise SourceError(
                f"camera {camera}: {name!r} is no option of this source; known: {', '.join(known)}"
            )
