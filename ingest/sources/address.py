"""How a camera's `source` is written: a path, or a scheme and what it needs.

clip.mp4, /videos/clip.mp4, file:clip.mp4    a video file
pictures/, folder:pictures?fps=25            a folder of pictures, by default 10 a second
pattern:, pattern:people=3&frames=100        a test pattern
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from ghostpose.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME: Final = re.compile(r"([a-z][a-z0-9+]+):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """A source as written, taken apart: `kind` is file, folder or pattern."""

    kind: str
    path: Path
    options: Mapping[str, str]


def parse_address(camera: str, source: str) -> Address:
    """Take `source` apart.

    Raises:
        SourceError: the scheme is none that can be read, or its options are no `name=value`.
    """
    found = SCHEME.fullmatch(source)
    if found is None or Path(source).exists():
        path = Path(source)
        return Address("folder" if path.is_dir() else "file", path, {})
    scheme, rest = found.groups()
    if scheme == "file":
        return Address("file", Path(rest), {})
    if scheme == "folder":
        path_text, _, query = rest.partition("?")
        return Address("folder", Path(path_text), _options(camera, source, query))
    if scheme == "pattern":
        return Address("pattern", Path(), _options(camera, source, rest.removeprefix("?")))
    raise SourceError(
        f"camera {camera}: {scheme}: is no kind of source that can be read;"
        " give a video file, a folder of pictures, or pattern:"
    )


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
