"""Dead letters are read whatever they hold: they are there because they were damaged."""

from __future__ import annotations

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.entries import StreamEntry
from ghostpose.codec.letters import decode_letter
from ghostpose.codec.messages import encode_frame_header
from ghostpose.errors import InvalidValueError

PICTURE = samples.picture()
WHOLE = {
    b"why": b"poison",
    b"detail": b"it killed its workers",
    b"from": b"{gp:3}:frames",
    b"c": b"hall",
    b"s": b"7",
    b"q": b"2",
    b"t": b"9",
    b"h": encode_frame_header(samples.info(), PICTURE),
    b"p": PICTURE.data,
}
NAMES = [*WHOLE, b"cut"]


def test_a_whole_frame_comes_back() -> None:
    letter = decode_letter(3, StreamEntry("5-1", WHOLE))
    assert (letter.name, letter.why, letter.buried_ms) == ("3:5-1", "poison", 5)
    message = letter.frame_message()
    assert (message.info, message.picture) == (samples.info(), PICTURE)
    assert str(message.id) == "hall/7/2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({b"from": b"{gp:3}:maps"}, "maps of a frame"),
        ({b"cut": b"1"}, "not all of it"),
        ({b"p": b""}, "was not kept"),
        ({b"c": b"../etc"}, "which frame it was"),
        ({b"h": b"\xc1"}, "is no frame"),
    ],
)
def test_what_is_not_whole_says_why(changes: dict[bytes, bytes], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        decode_letter(3, StreamEntry("5-1", WHOLE | changes)).frame_message()


@given(st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=64)), st.booleans())
def test_any_entry_is_a_letter_fit_to_be_printed(fields: dict[bytes, bytes], damaged: bool) -> None:
    letter = decode_letter(0, StreamEntry("1-1", (WHOLE if damaged else {}) | fields))
    assert (letter.why + letter.detail + letter.stream).isprintable()
    try:
        letter.frame_message()
    except InvalidValueError as error:
        assert "\n" not in str(error)
