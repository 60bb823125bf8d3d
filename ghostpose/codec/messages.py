"""Entries of the frames and maps streams to types and back.

An entry's fields: `c` camera, `s` session, `q` seq, `t` ticket, `h` header, `p` payload (a picture,
or maps); an entry of a maps stream also has `k`: maps, gap or end. The header is msgpack with named
fields and `v`, the protocol's [major, minor]: another major version is refused, fields that a newer
minor version adds are passed over. Nothing here trusts the bytes: every field is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast, get_args

import msgpack

from ghostpose.codec.checks import MAX_INTEGER, Fields
from ghostpose.codec.maps import decode_maps
from ghostpose.errors import DecodeError, InvalidValueError, ProtocolVersionError
from ghostpose.types import (
    MAX_SIDE_PX,
    EncodedPicture,
    EndMessage,
    FrameId,
    FrameInfo,
    FrameMessage,
    GapMessage,
    MapsMessage,
    PictureCodec,
    Placement,
    SkipReason,
)

PROTOCOL_MAJOR: Final = 1
PROTOCOL_MINOR: Final = 0

MAX_HEADER_BYTES: Final = 4096
MAX_PICTURE_BYTES: Final = 128 * 2**20
"""A raw 8K picture (7680 x 4320) fits."""

Entry = Mapping[bytes, bytes]
"""The fields of a stream entry as they come from Redis."""

_SKIP_REASONS: Final = get_args(SkipReason)
_NUMBER: Final = re.compile(rb"[0-9]{1,16}")
_MAX_PLACEMENT: Final = 1e9


def decode_id(entry: Entry) -> FrameId:
    """Decode which frame an entry is about.

    Raises:
        DecodeError: a field is missing or out of range.
    """
    camera = _field(entry, b"c")
    try:
        return FrameId(
            camera.decode("ascii"),
            _integer(entry, b"s"),
            _integer(entry, b"q"),
            _integer(entry, b"t"),
        )
    except (UnicodeDecodeError, InvalidValueError) as cause:
        raise DecodeError(f"entry: {cause}", camera) from cause


def encode_frame_header(info: FrameInfo, picture: EncodedPicture) -> bytes:
    """Encode field `h` of a frames entry; its payload is `picture.data`."""
    return pack_fields(
        _info_values(info) | {"codec": picture.codec, "picture": [picture.width, picture.height]}
    )


def decode_frame(entry: Entry, published_ms: int) -> FrameMessage:
    """Decode an entry of a frames stream; the picture stays encoded.

    Raises:
        DecodeError: it is no frame.
    """
    frame_id = decode_id(entry)
    header = unpack_fields(f"frame {frame_id}", _field(entry, b"h"))
    width, height = _picture_size(header)
    codec = cast("PictureCodec", header.choice("codec", get_args(PictureCodec)))
    data = _field(entry, b"p")
    if not 1 <= len(data) <= MAX_PICTURE_BYTES:
        raise header.fail(f"picture of {len(data)} bytes, wanted 1 to {MAX_PICTURE_BYTES}")
    if codec == "raw" and len(data) != width * height * 3:
        raise header.fail(f"raw picture of {len(data)} bytes isn't {width} x {height} x 3")
    return header.build(
        lambda: FrameMessage(
            frame_id, _info(header), EncodedPicture(codec, width, height, data), published_ms
        )
    )


def encode_maps_header(
    frame: FrameMessage, *, published_ms: int, wait_ms: float, inference_ms: float
) -> bytes:
    """Encode field `h` of a maps entry of kind `maps`; its payload is `encode_maps`'s."""
    return pack_fields(
        _info_values(frame.info)
        | {
            "picture": [frame.picture.width, frame.picture.height],
            "published_ms": published_ms,
            "wait_ms": wait_ms,
            "inference_ms": inference_ms,
        }
    )


def encode_gap_header(reason: SkipReason) -> bytes:
    """Encode field `h` of a maps entry of kind `gap`."""
    return pack_fields({"reason": reason})


def encode_end_header(frames_read: int, skipped: Mapping[str, int], clock_repairs: int) -> bytes:
    """Encode field `h` of a maps entry of kind `end`."""
    return pack_fields(
        {"frames_read": frames_read, "skipped": dict(skipped), "clock_repairs": clock_repairs}
    )


def decode_maps_entry(entry: Entry, done_ms: int) -> MapsMessage | GapMessage | EndMessage:
    """Decode an entry of a maps stream.

    Raises:
        DecodeError: it is none of the three kinds.
    """
    frame_id = decode_id(entry)
    kind = _field(entry, b"k")
    header = unpack_fields(f"maps entry {frame_id}", _field(entry, b"h"))
    if kind == b"maps":
        return _maps_message(frame_id, header, _field(entry, b"p"), done_ms)
    if kind == b"gap":
        return GapMessage(frame_id, cast("SkipReason", header.choice("reason", _SKIP_REASONS)))
    if kind == b"end":
        return _end_message(frame_id, header)
    raise header.fail(f"kind {kind[:20]!r} is none of maps, gap, end")


def _maps_message(frame_id: FrameId, header: Fields, data: bytes, done_ms: int) -> MapsMessage:
    width, height = _picture_size(header)
    maps = decode_maps(data)
    covered_h, covered_w = maps.input_size_px
    if width > covered_w or height > covered_h:
        raise header.fail(f"maps of {covered_w} x {covered_h} px for {width} x {height} px")
    return header.build(
        lambda: MapsMessage(
            id=frame_id,
            info=_info(header),
            picture_width=width,
            picture_height=height,
            maps=maps,
            published_ms=header.integer("published_ms"),
            wait_ms=header.duration_ms("wait_ms"),
            inference_ms=header.duration_ms("inference_ms"),
            done_ms=done_ms,
        )
    )


def _end_message(frame_id: FrameId, header: Fields) -> EndMessage:
    return header.build(
        lambda: EndMessage(
            frame_id,
            header.integer("frames_read"),
            header.counts("skipped"),
            header.integer("clock_repairs"),
        )
    )


def _info_values(info: FrameInfo) -> dict[str, object]:
    place = info.placement
    return {
        "captured_at": info.captured_at,
        "media_time": info.media_time,
        "size": [info.width, info.height],
        "placement": [place.scale_x, place.scale_y, place.left, place.top],
        "max_age_ms": info.max_age_ms,
        "decode_ms": info.decode_ms,
        "encode_ms": info.encode_ms,
        "keep": info.keep_picture,
    }


def _info(header: Fields) -> FrameInfo:
    width, height = header.numbers("size", 2, 1, MAX_SIDE_PX)
    return FrameInfo(
        captured_at=header.time_s("captured_at"),
        media_time=header.time_s("media_time"),
        width=int(width),
        height=int(height),
        placement=Placement(*header.numbers("placement", 4, -_MAX_PLACEMENT, _MAX_PLACEMENT)),
        max_age_ms=header.duration_ms("max_age_ms"),
        decode_ms=header.duration_ms("decode_ms"),
        encode_ms=header.duration_ms("encode_ms"),
        keep_picture=header.flag("keep", default=False),
    )


def _picture_size(header: Fields) -> tuple[int, int]:
    width, height = header.numbers("picture", 2, 1, MAX_SIDE_PX)
    return int(width), int(height)


def pack_fields(values: dict[str, object]) -> bytes:
    """Encode named fields as msgpack, with the protocol's version among them."""
    packed: bytes = msgpack.packb({"v": [PROTOCOL_MAJOR, PROTOCOL_MINOR]} | values)
    return packed


def unpack_fields(owner: str, raw: bytes, at_most: int = MAX_HEADER_BYTES) -> Fields:
    """Decode named fields of at most `at_most` bytes; `owner` names them in errors.

    Raises:
        DecodeError: they are none, or of another major version of the protocol.
    """
    if len(raw) > at_most:
        raise DecodeError(f"{owner}: header of {len(raw)} bytes, at most {at_most}", raw)
    try:
        values = msgpack.unpackb(raw, strict_map_key=True, max_ext_len=0)
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as cause:
        raise DecodeError(f"{owner}: header is no msgpack ({cause})", raw) from cause
    header = Fields(owner, values, raw)
    check_protocol(header)
    return header


def check_deployment(address: str, protocol: bytes) -> None:
    """Refuse a deployment of another major version; `protocol` is what its meta data says.

    Raises:
        ProtocolVersionError: the text says which it speaks, which this program, and what to do.
    """
    if protocol.partition(b".")[0] != str(PROTOCOL_MAJOR).encode():
        raise ProtocolVersionError(
            f"The deployment at {address} speaks protocol {protocol.decode(errors='replace')!r},"
            f" this program {PROTOCOL_MAJOR}.x: run the same major version of ghostpose"
            " everywhere.",
            protocol,
        )


def check_protocol(header: Fields) -> None:
    """Refuse another major version of the protocol.

    Raises:
        ProtocolVersionError: the text says which came and which this program speaks.
    """
    major, minor = header.numbers("v", 2, 0, MAX_INTEGER)
    if major != PROTOCOL_MAJOR:
        failure = header.fail(
            f"protocol version {major:g}.{minor:g} came, this program speaks {PROTOCOL_MAJOR}.x:"
            " run the same major version of ghostpose everywhere"
        )
        raise ProtocolVersionError(str(failure), failure.raw)


def _field(entry: Entry, name: bytes) -> bytes:
    try:
        return entry[name]
    except KeyError:
        raise DecodeError(f"entry: the field {name.decode()!r} is missing") from None


def _integer(entry: Entry, name: bytes) -> int:
    value = _field(entry, name)
    if not _NUMBER.fullmatch(value) or int(value) > MAX_INTEGER:
        raise DecodeError(f"entry: {name.decode()} is {value[:20]!r}, wanted a number", value)
    return int(value)
