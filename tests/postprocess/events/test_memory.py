"""What rules remember goes through bytes unharmed, and damage is told."""

from __future__ import annotations

import contextlib
import math

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import frame, person

from ghostpose.errors import DecodeError
from ghostpose.rules import LineConfig, Rules, ZoneConfig
from postprocess.events import Memories, decode_memories, encode_memories, rules_of, watch

RULES = rules_of(
    Rules(
        zones=(ZoneConfig(name="a", polygon=((0, 0), (900, 0), (900, 900)), dwell_s=1, crowd=1),),
        lines=(LineConfig(name="b", points=((500, 0), (500, 900))),),
        postures=("fall", "hands_up"),
    )
)


def test_rules_that_resume_from_bytes_go_on_as_if_nothing_had_happened() -> None:
    straight = resumed = Memories()
    for seq in range(80):
        people = [person(n, 100 * n + 12 * seq, 400) for n in (1, 2)]
        wanted, straight = watch(RULES, frame(seq, people), straight)
        resumed = decode_memories(encode_memories(resumed))
        got, resumed = watch(RULES, frame(seq, people), resumed)
        assert got == wanted


def test_no_memories_take_no_bytes() -> None:
    assert encode_memories(Memories(3)) == b""
    assert decode_memories(b"") == Memories()


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode_memories(data)


@pytest.mark.parametrize(
    "fields",
    [
        [2, 1, {}],
        [1, "1", {}],
        [1, 1, []],
        [1, 1, {"nothing/a": {}}],
        [1, 1, {"fall": {0: [0.0] * 6}}],
        [1, 1, {"fall": {1: [0.0] * 5}}],
        [1, 1, {"fall": {1: ["0"] * 6}}],
        [1, 1, {"zone/a": {0: [0.0] * 6}}],
        [1, 1, {1: {}}],
    ],
)
def test_what_no_rule_can_have_written_is_refused(fields: list[object]) -> None:
    with pytest.raises(DecodeError, match="memory of rules"):
        decode_memories(msgpack.packb(fields))


def test_what_is_not_a_number_survives() -> None:
    rows = {"zone/a": {1: (0.0, 1.0, math.nan, -1.0, 1.0, 0.0)}}
    read = decode_memories(encode_memories(Memories(1, rows)))
    assert math.isnan(read.rows["zone/a"][1][2])
