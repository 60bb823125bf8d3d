"""What addresses that are given on the page may refer to.

A reference (`${env:NAME}`, `${file:PATH}`) is looked up by ingest and sent to the host that stands
beside it. So whoever may write addresses could have anything that ingest may read sent to a host of
their own: only what `dashboard.references` allows is taken.
"""

from __future__ import annotations

import posixpath
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ghostpose.errors import ConfigError
from ghostpose.redaction import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_references(camera: str, source: str, allowed: Sequence[str]) -> None:
    """See that an address refers to nothing but what is allowed.

    Raises:
        ConfigError: it does.
    """
    for place, name in REFERENCE.findall(source):
        meant = posixpath.normpath(name) if place == "file" else name
        if not any(fnmatchcase(meant, pattern) for pattern in allowed):
            raise ConfigError(
                f"camera {camera}: an address given here may not refer to {place}:{name}, since"
                " that could be sent anywhere: give it by ghostpose cameras, or allow it by"
                " dashboard.references"
            )
