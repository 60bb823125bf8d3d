"""What a camera's rules remember, as bytes: committed with each frame beside the tracker's state.

Layout: a msgpack array `[version, session, {rule: {track number: [number ...]}}]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgpack

from ghostpose.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postprocess.events.rule import Memory

VERSION: Final = 1

MAX_RULES: Final = 1000
MAX_ROWS: Final = 10_000
"""Tracks that one rule remembers; more is damage."""

ROW_LENGTHS: Final[Mapping[str, int]] = {"zone": 6, "line": 4, "fall": 6, "hands_up": 4}
"""Numbers a row, by the part of a rule's name before the slash."""

CROWD_ROW_LENGTH: Final = 3
"""Numbers in row 0, the zone's own."""


@dataclass(frozen=True, slots=True)
class Memories:
    """All rules' memories by their names; they belong to `session`, -1 before the first."""

    session: int = -1
    rows: Mapping[str, Memory] = field(default_factory=dict)


def encode_memories(memories: Memories) -> bytes:
    """Return memories as bytes; empty bytes if nothing is remembered."""
    if not memories.rows:
        return b""
    rows = {
        name: {number: list(row) for number, row in memory.items()}
        for name, memory in memories.rows.items()
    }
    return bytes(msgpack.packb([VERSION, memories.session, rows]))


def decode_memories(data: bytes) -> Memories:
    """Return the memories in `data`.

    Raises:
        DecodeError: it holds none, or such as no rule can have written.
    """
    if not data:
        return Memories()
    try:
        fields: Any = msgpack.unpackb(data, strict_map_key=False, use_list=True)
    except Exception as cause:  # msgpack raises many kinds, ValueError and its own among them
        raise DecodeError("memory of rules: these bytes are no msgpack", data) from cause
    if not (isinstance(fields, list) and len(fields) == 3 and fields[0] == VERSION):
        raise DecodeError(f"memory of rules: wanted version {VERSION}", data)
    _, session, rules = fields
    if not (type(session) is int and isinstance(rules, dict) and len(rules) <= MAX_RULES):
        raise DecodeError("memory of rules: no session, or no rules", data)
    return Memories(session, {name: _memory(name, rows, data) for name, rows in rules.items()})


def _memory(name: object, rows: object, data: bytes) -> Memory:
    kind = name.partition("/")[0] if isinstance(name, str) else ""
    if kind not in ROW_LENGTHS or not isinstance(rows, dict) or len(rows) > MAX_ROWS:
        raise DecodeError(f"memory of rules: {name!r:.80} has no rows", data)
    return {number: _row(kind, number, row, data) for number, row in rows.items()}


def _row(kind: str, number: Any, row: Any, data: bytes) -> tuple[float, ...]:
    is_own = kind == "zone" and number == 0
    length = CROWD_ROW_LENGTH if is_own else ROW_LENGTHS[kind]
    is_number = type(number) is int and number >= (0 if is_own else 1)
    if not (is_number and isinstance(row, list) and len(row) == length):
        raise DecodeError(f"memory of rules: row {number!r:.20} of a {kind} is none", data)
    if not all(type(value) in (int, float) for value in row):
        raise DecodeError(f"memory of rules: row {number} of a {kind} holds no numbers", data)
    return tuple(row)
