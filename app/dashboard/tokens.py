"""Tokens: made once, shown once, kept as hashes, a line each: `NAME ROLE scrypt:N:R:P:SALT:HASH`.

A token begins with its name, so that a single hash decides whether it is right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["viewer", "admin"]
"""`viewer` looks at everything; `admin` changes cameras and zones and replays dead letters, too."""

VARIABLE: Final = "GHOSTPOSE_DASHBOARD_TOKENS"
"""The environment variable that may hold the lines."""

MAX_TOKEN_CHARS: Final = 200
"""Nothing longer is hashed: it is no token."""

SECRET_BYTES: Final = 24

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_COST, _BLOCK, _LANES = 2**14, 8, 1
"""scrypt's N, r and p: 16 MB and some 50 ms a try."""

_HIGHEST_COST: Final = 2**18


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and what they may."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: whose it is, and the hash of it."""

    identity: Identity
    cost: int
    block: int
    lanes: int
    salt: bytes
    digest: bytes

    def matches(self, text: str) -> bool:
        """Return whether `text` is this token; takes as long either way."""
        found = _hash(text, self.salt, self.cost, self.block, self.lanes)
        return hmac.compare_digest(found, self.digest)


def make_token(name: str, role: Role) -> tuple[str, str]:
    """Return a new token, and the line to keep of it.

    Raises:
        ConfigError: `name` is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name: wanted 1 to 32 letters, digits, _ or -")
    text = f"{name}.{secrets.token_urlsafe(SECRET_BYTES)}"
    salt = secrets.token_bytes(16)
    digest = _hash(text, salt, _COST, _BLOCK, _LANES)
    kept = f"scrypt:{_COST}:{_BLOCK}:{_LANES}:{_to_text(salt)}:{_to_text(digest)}"
    return text, f"{name} {role} {kept}"


def parse_tokens(text: str, owner: str) -> dict[str, Token]:
    """Return the tokens of a file's lines, by name; empty lines and `#` comments are passed over.

    Raises:
        ConfigError: a line is none, or two have the same name.
    """
    tokens: dict[str, Token] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        token = _parse(line)
        if token is None:
            raise ConfigError(
                f"{owner}: line {number} is no token: wanted NAME ROLE HASH, as ghostpose"
                " dashboard-token prints it"
            )
        if token.identity.name in tokens:
            raise ConfigError(f"{owner}: two tokens are named {token.identity.name}")
        tokens[token.identity.name] = token
    return tokens


def identify(tokens: Mapping[str, Token], text: str) -> Identity | None:
    """Return whose token `text` is, None if nobody's; a name that isn't known takes as long."""
    if len(text) > MAX_TOKEN_CHARS:
        return None
    token = tokens.get(text.partition(".")[0])
    if token is None:
        _hash(text, b"nobody's", _COST, _BLOCK, _LANES)
        return None
    return token.identity if token.matches(text) else None


def _hash(text: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    room = 256 * block * (cost + lanes + 2)  # twice what OpenSSL needs
    data = text.encode("utf-8", "replace")
    return hashlib.scrypt(data, salt=salt, n=cost, r=block, p=lanes, maxmem=room, dklen=32)


def _parse(line: str) -> Token | None:
    words = line.split()
    if len(words) != 3 or not _NAME.fullmatch(words[0]) or words[1] not in get_args(Role):
        return None
    kind, *numbers, salt, digest = (words[2].split(":") + [""] * 6)[:6]
    if kind != "scrypt" or not all(n.isdecimal() and len(n) <= 7 for n in numbers):
        return None
    cost, block, lanes = map(int, numbers)
    is_sound = 2**10 <= cost <= _HIGHEST_COST and cost & (cost - 1) == 0
    if not (is_sound and 1 <= block <= 16 and 1 <= lanes <= 4):
        return None
    try:
        raw = _from_text(salt), _from_text(digest)
    except ValueError:
        return None
    if len(raw[0]) < 8 or len(raw[1]) != 32:
        return None
    return Token(Identity(words[0], cast("Role", words[1])), cost, block, lanes, *raw)


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _from_text(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
