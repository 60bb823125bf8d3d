"""What may be shown of an address: all but its password. For every log, error and listing.

References to a password (`${env:NAME}`, `${file:PATH}`, see `ghostpose.passwords`) are no secret
and stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN: Final = "***"
"""Stands where a password was."""

REFERENCE: Final = re.compile(r"\$\{(env|file):([^{}]+)\}")
"""A reference to a password: where it is kept, and under what name."""

_USER: Final = re.compile(
    r"""(?<=://)(?:
        [^\s/?#]*                        # user:password of an address as it should be written
        | [^\s/?#@:]*:(?!\d*[/?\#])\S*   # a password with / or such in it: not only a port follows
    )@""",
    re.VERBOSE,
)
_PARAMETER: Final = re.compile(
    r"(?<![a-z])((?:password|passwd|passphrase|pwd|pass|token|secret|api_?key|auth)=)([^&\s'\"]+)",
    re.IGNORECASE,
)


def without_password(text: str) -> str:
    """Return an address, or any text with addresses in it, fit to be shown.

    User and password before a host become `***`, and so does what is called `password=`, `token=`
    or the like, as many cameras have it in their paths.
    """
    return _PARAMETER.sub(_hide_value, _USER.sub(_hide_user, text))


def _hide_user(found: re.Match[str]) -> str:
    user, colon, password = found[0][:-1].partition(":")
    secret = password if colon else user
    return found[0] if _is_reference(secret) else f"{HIDDEN}@"


def _hide_value(found: re.Match[str]) -> str:
    return found[0] if _is_reference(found[2]) else f"{found[1]}{HIDDEN}"


def _is_reference(secret: str) -> bool:
    """Return whether nothing of it is anything but references."""
    return REFERENCE.sub("", secret) == ""


def with_references(text: str, value_of: Callable[[str, str], str]) -> str:
    """Return `text` with each reference replaced by `value_of(place, name)`."""
    return REFERENCE.sub(lambda found: value_of(found[1], found[2]), text)
