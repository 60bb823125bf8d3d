"""Stream entries survive the wire; what is damaged, foreign or of another version is refused."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import numpy as np
import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.maps import encode_maps
from ghostpose.codec.messages import (
    MAX_HEADER_BYTES,
    Entry,
    decode_frame,
    decode_id,
    decode_maps_entry,
    encode_end_header,
    encode_frame_header,
    encode_gap_header,
    encode_maps_header,
)
from ghostpose.errors import DecodeError, ProtocolVersionError
from ghostpose.types import EndMessage, FrameId, FrameInfo, GapMessage, MapsMessage, Placement

ID = {b"c": b"lobby", b"s": b"1700000000000", b"q": b"4", b"t": b"9"}
FRAME_ID = FrameId("lobby", 1_700_000_000_000, 4, 9)
PICTURE = samples.picture()
FRAME: Entry = ID | {b"h": encode_frame_header(samples.info(), PICTURE), b"p": PICTURE.data}
MESSAGE = decode_frame(FRAME, 1_700_000_000_123)
MAPS: Entry = ID | {
    b"k": b"maps",
    b"h": encode_maps_header(
        MESSAGE, published_ms=MESSAGE.published_ms, wait_ms=1.5, inference_ms=12.5
    ),
    b"p": encode_maps(samples.maps(1, 2)),
}
GAP: Entry = ID | {b"k": b"gap", b"h": encode_gap_header("stale"), b"p": b""}
END: Entry = ID | {b"k": b"end", b"h": encode_end_header(9, {"rate": 3, "stale": 2}, 1), b"p": b""}

times = st.floats(-1e10, 1e10)
durations = st.floats(0, 1e9)
sides = st.integers(1, 16_384)
scales = st.floats(0.001, 1000)
infos = st.builds(
    FrameInfo,
    captured_at=times,
    media_time=times,
    width=sides,
    height=sides,
    placement=st.builds(Placement, scales, scales, st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)),
    max_age_ms=durations,
    decode_ms=durations,
    encode_ms=durations,
    keep_picture=st.booleans(),
)


@given(infos)
def test_a_frame_comes_back_as_it_was_sent(info: FrameInfo) -> None:
    entry = FRAME | {b"h": encode_frame_header(info, PICTURE)}
    message = decode_frame(entry, 5)
    assert (message.id, message.info, message.picture) == (FRAME_ID, info, PICTURE)
    assert message.published_ms == 5


def test_a_frame_that_does_not_say_whether_its_picture_may_be_kept_is_not_kept() -> None:
    header = msgpack.unpackb(FRAME[b"h"])
    del header["keep"]
    assert not decode_frame(FRAME | {b"h": msgpack.packb(header)}, 1).info.keep_picture
    for value in (1, None, "yes"):
        with pytest.raises(DecodeError, match="wanted true or false"):
            decode_frame(FRAME | {b"h": msgpack.packb(header | {"keep": value})}, 1)


def test_maps_come_back_with_what_travelled_with_the_frame() -> None:
    message = decode_maps_entry(MAPS, 77)
    assert isinstance(message, MapsMessage)
    assert (message.id, message.info) == (FRAME_ID, MESSAGE.info)
    assert (message.picture_width, message.picture_height) == (16, 8)
    assert (message.wait_ms, message.inference_ms, message.done_ms) == (1.5, 12.5, 77)
    assert message.published_ms == MESSAGE.published_ms
    np.testing.assert_allclose(message.maps.paf_chw, samples.maps(1, 2).paf_chw, atol=0.02)


def test_a_tombstone_and_an_end_come_back() -> None:
    assert decode_maps_entry(GAP, 1) == GapMessage(FRAME_ID, "stale")
    assert decode_maps_entry(END, 1) == EndMessage(FRAME_ID, 9, {"rate": 3, "stale": 2}, 1)


def test_fields_that_a_newer_minor_version_adds_are_passed_over() -> None:
    header = msgpack.unpackb(FRAME[b"h"]) | {"v": [1, 7], "new": {"deep": [1, 2]}}
    assert decode_frame(FRAME | {b"h": msgpack.packb(header)}, 1).info == MESSAGE.info


@pytest.mark.parametrize("entry", [FRAME, MAPS, GAP, END], ids=["frame", "maps", "gap", "end"])
def test_another_major_version_is_refused_with_both_versions_named(entry: Entry) -> None:
    header = msgpack.unpackb(entry[b"h"]) | {"v": [2, 0]}
    newer = dict(entry) | {b"h": msgpack.packb(header)}
    decode = decode_maps_entry if b"k" in newer else decode_frame
    with pytest.raises(ProtocolVersionError, match=r"version 2\.0 came.* speaks 1\.x"):
        decode(newer, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"c", b"no/slashes"),
        (b"c", b"\xff"),
        (b"s", b"-1"),
        (b"s", b"9999999999999999"),
        (b"q", b"1.5"),
        (b"q", b"\xd9\xa1"),
        (b"t", b"0"),
        (b"t", b""),
        (b"h", b""),
        (b"h", b"\x00" * (MAX_HEADER_BYTES + 1)),
        (b"p", b""),
        (b"p", PICTURE.data + b"x"),
    ],
)
def test_a_frame_with_one_wrong_field_is_refused(field: bytes, value: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_frame(FRAME | {field: value}, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("captured_at", float("nan")),
        ("captured_at", True),
        ("media_time", "0"),
        ("media_time", 2**63),
        ("size", [0, 5]),
        ("size", [5]),
        ("size", [5, 20_000]),
        ("placement", [0, 1, 0, 0]),
        ("placement", [1, 1, 0, float("inf")]),
        ("picture", [2**40, 2**40]),
        ("codec", "png"),
        ("max_age_ms", -1),
        ("v", [1]),
        ("v", "1.0"),
    ],
)
def test_a_header_with_one_wrong_value_is_refused(name: str, value: object) -> None:
    header = msgpack.unpackb(FRAME[b"h"]) | {name: value}
    with pytest.raises(DecodeError):
        decode_frame(FRAME | {b"h": msgpack.packb(header)}, 1)


@pytest.mark.parametrize("name", [b"c", b"s", b"q", b"t", b"h", b"p"])
def test_a_missing_field_is_named(name: bytes) -> None:
    entry = {key: value for key, value in FRAME.items() if key != name}
    with pytest.raises(DecodeError, match=f"'{name.decode()}' is missing"):
        decode_frame(entry, 1)


def test_maps_smaller_than_their_picture_are_refused() -> None:
    wide = replace(MESSAGE, picture=samples.picture(24, 8))
    header = encode_maps_header(wide, published_ms=1, wait_ms=0, inference_ms=0)
    with pytest.raises(DecodeError, match="16 x 8 px for 24 x 8 px"):
        decode_maps_entry(dict(MAPS) | {b"h": header}, 1)


def test_an_end_whose_numbers_do_not_add_up_is_refused() -> None:
    with pytest.raises(DecodeError, match="frames read"):
        decode_maps_entry(dict(END) | {b"h": encode_end_header(10, {"rate": 3}, 0)}, 1)


def test_an_error_keeps_the_bytes_and_the_cause() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_frame(FRAME | {b"h": b"\xc1 no msgpack"}, 1)
    assert caught.value.raw == b"\xc1 no msgpack"
    assert caught.value.__cause__ is not None


@given(st.dictionaries(st.sampled_from([b"c", b"s", b"q", b"t", b"k", b"h", b"p"]), st.binary()))
def test_arbitrary_entries_are_messages_or_a_decode_error(entry: Entry) -> None:
    for decode in (decode_frame, decode_maps_entry):
        _decodes_or_refuses(decode, entry)


@given(st.data(), st.sampled_from([MAPS, GAP, END, FRAME]))
def test_damaged_entries_are_messages_or_a_decode_error(data: st.DataObject, valid: Entry) -> None:
    field = data.draw(st.sampled_from(sorted(key for key in valid if valid[key])))
    entry = dict(valid) | {field: data.draw(samples.damaged(valid[field]))}
    _decodes_or_refuses(decode_maps_entry if b"k" in valid else decode_frame, entry)


packable = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.data())
def test_headers_with_any_value_in_any_field_are_messages_or_a_decode_error(
    data: st.DataObject,
) -> None:
    valid = data.draw(st.sampled_from([MAPS, GAP, END, FRAME]))
    header = msgpack.unpackb(valid[b"h"])
    header[data.draw(st.sampled_from(sorted(header)))] = data.draw(packable)
    entry = dict(valid) | {b"h": msgpack.packb(header)}
    _decodes_or_refuses(decode_maps_entry if b"k" in valid else decode_frame, entry)


@given(st.dictionaries(st.sampled_from([b"c", b"s", b"q", b"t"]), st.binary(max_size=20)))
def test_arbitrary_ids_are_ids_or_a_decode_error(entry: Entry) -> None:
    _decodes_or_refuses(lambda entry, _: decode_id(entry), entry)


def _decodes_or_refuses(decode: object, entry: Entry) -> None:
    assert callable(decode)
    try:
        decode(entry, 1)
    except DecodeError as error:
        assert len(error.raw) <= DecodeError.RAW_KEPT
