"""Real messages made wrong: bytes flipped, cut, moved, repeated; values replaced by worse ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgpack

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

LARGEST: Final = 2**18
"""No mutation makes more bytes than this, unless there were more before."""

EDGES: Final = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 0.0, -0.0, 1e308, float("inf"),
    float("nan"), "", "x" * 300, "\n\x1b[2J", "\u202e", "../../etc/passwd", b"", b"\xff" * 9,
    [], [[]] * 50, {}, {"a": {"a": {}}}, [1, 2], [float("nan")] * 4, "9" * 400,
)  # fmt: skip
JSON_DIGITS: Final = "9" * 5000


def mutated(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    """Return `raw` with one to four mutations, perhaps with a piece of `other`."""
    if dice.random() < 0.4:
        raw = _with_worse_value(raw, dice)
    for _ in range(dice.randint(0 if dice.random() < 0.3 else 1, 4)):
        raw = dice.choice(_BYTEWISE)(raw, other, dice)
    return raw


def _flip(raw: bytes, _: bytes, dice: random.Random) -> bytes:
    return _set(raw, dice, lambda byte: byte ^ 1 << dice.randrange(8))


def _edge(raw: bytes, _: bytes, dice: random.Random) -> bytes:
    return _set(raw, dice, lambda _: dice.choice(EDGES))


def _any_byte(raw: bytes, _: bytes, dice: random.Random) -> bytes:
    return _set(raw, dice, lambda _: dice.randrange(256))


def _set(raw: bytes, dice: random.Random, change: Callable[[int], int]) -> bytes:
    if not raw:
        return raw
    data = bytearray(raw)
    # Headers are where sizes are: half of the changes go there.
    place = dice.randrange(min(len(data), 32) if dice.random() < 0.5 else len(data))
    data[place] = change(data[place])
    return bytes(data)


def _cut(raw: bytes, _: bytes, dice: random.Random) -> bytes:
    return raw[: dice.randint(0, len(raw))]


def _without(raw: bytes, _: bytes, dice: random.Random) -> bytes:
    low, high = sorted(dice.randint(0, len(raw)) for _ in range(2))
    return raw[:low] + raw[high:]


def _repeat(raw: bytes, _: bytes, dice: random.Random) -> bytes:
    low, high = sorted(dice.randint(0, len(raw)) for _ in range(2))
    times = dice.choice((2, 2, 3, 100))
    if (high - low) * times > LARGEST:
        return raw
    return raw[:low] + raw[low:high] * times + raw[high:]


def _splice(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    return raw[: dice.randint(0, len(raw))] + other[dice.randint(0, len(other)) :]


def _insert(raw: bytes, _: bytes, dice: random.Random) -> bytes:
    place = dice.randint(0, len(raw))
    return raw[:place] + dice.randbytes(dice.randint(1, 16)) + raw[place:]


_BYTEWISE: Final = (_flip, _flip, _edge, _any_byte, _cut, _without, _repeat, _splice, _insert)


def _with_worse_value(raw: bytes, dice: random.Random) -> bytes:
    """Return a msgpack or JSON message with one value replaced; others as they are."""
    if raw[:1] in (b"{", b"["):
        try:
            worse = json.dumps(_worse(json.loads(raw), dice), default=repr)
        except ValueError:
            return raw
        return (worse.replace('"!digits"', JSON_DIGITS)).encode()
    try:
        return bytes(msgpack.packb(_worse(msgpack.unpackb(raw), dice)))
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException):
        return raw


def _worse(value: Any, dice: random.Random) -> Any:
    """Return a value with one part of it, deep inside, replaced."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        key = dice.choice(list(value))
        if dice.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: _worse(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.7:
        place = dice.randrange(len(value))
        return [*value[:place], _worse(value[place], dice), *value[place + 1 :]]
    return dice.choice((*VALUES, "!digits"))
