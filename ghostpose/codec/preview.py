"""A camera's preview to bytes and back: one msgpack map with named fields, the JPEG among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast, get_args

from ghostpose.codec.images import jpeg_size
from ghostpose.codec.messages import pack_fields, unpack_fields
from ghostpose.errors import DecodeError, InvalidValueError
from ghostpose.types import MAX_SIDE_PX, Placement, PrivacyMode, check_camera_name

if TYPE_CHECKING:
    from ghostpose.codec.checks import Fields

MAX_JPEG_BYTES: Final = 128 * 2**10
"""A larger preview is refused; one of 480 pixels width is a fifth of it."""

MAX_PREVIEW_BYTES: Final = MAX_JPEG_BYTES + 1024

_MAX_PLACEMENT: Final = 1e9


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture of a camera, of the frame `session`/`seq`, whose pose message it matches.

    `privacy` says what was done to it; `source_width` and `source_height` are the source
    picture's, and `placement` leads from this picture to it; `jpeg` is `width` x `height`.
    """

    camera: str
    session: int
    seq: int
    captured_at: float
    media_time: float
    source_width: int
    source_height: int
    placement: Placement
    privacy: PrivacyMode
    width: int
    height: int
    jpeg: bytes

    def __post_init__(self) -> None:
        check_camera_name(self.camera)
        if len(self.jpeg) > MAX_JPEG_BYTES:
            raise InvalidValueError(
                f"preview of {self.camera}: {len(self.jpeg)} bytes, at most {MAX_JPEG_BYTES}"
            )


def encode_preview(preview: Preview) -> bytes:
    """Encode a preview: the value of a camera's preview key."""
    place = preview.placement
    return pack_fields(
        {
            "camera": preview.camera,
            "session": preview.session,
            "seq": preview.seq,
            "captured_at": preview.captured_at,
            "media_time": preview.media_time,
            "source": [preview.source_width, preview.source_height],
            "placement": [place.scale_x, place.scale_y, place.left, place.top],
            "privacy": preview.privacy,
            "size": [preview.width, preview.height],
            "jpeg": preview.jpeg,
        }
    )


def decode_preview(data: bytes) -> Preview:
    """Decode a preview; its JPEG stays encoded, and its size is that of the JPEG's header.

    Raises:
        DecodeError: it is none.
    """
    fields = unpack_fields("preview", data, MAX_PREVIEW_BYTES)
    jpeg = fields.binary("jpeg", MAX_JPEG_BYTES)
    size = _size(fields, "size")
    try:
        if jpeg_size(jpeg) != size:
            raise fields.fail(f"its JPEG is not {size[0]} x {size[1]}")
    except DecodeError as cause:
        raise fields.fail(str(cause)) from cause
    return fields.build(lambda: _preview(fields, size, jpeg))


def _preview(fields: Fields, size: tuple[int, int], jpeg: bytes) -> Preview:
    source_width, source_height = _size(fields, "source")
    return Preview(
        camera=fields.text("camera"),
        session=fields.integer("session"),
        seq=fields.integer("seq"),
        captured_at=fields.time_s("captured_at"),
        media_time=fields.time_s("media_time"),
        source_width=source_width,
        source_height=source_height,
        placement=Placement(*fields.numbers("placement", 4, -_MAX_PLACEMENT, _MAX_PLACEMENT)),
        privacy=cast("PrivacyMode", fields.choice("privacy", get_args(PrivacyMode))),
        width=size[0],
        height=size[1],
        jpeg=jpeg,
    )


def _size(fields: Fields, name: str) -> tuple[int, int]:
    width, height = fields.numbers(name, 2, 1, MAX_SIDE_PX)
    return int(width), int(height)
