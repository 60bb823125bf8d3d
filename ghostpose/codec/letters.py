"""Dead letters: entries that were given up, with the reason, as the bus keeps them.

A letter's fields: `why`, `detail` (a sentence), `from` (its stream's key), `cut` if not all of the
entry was kept, and the entry's own. Nothing of it is trusted: it is there because it was damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ghostpose.codec.messages import decode_frame, decode_id
from ghostpose.errors import DecodeError, InvalidValueError
from ghostpose.printable import printable

if TYPE_CHECKING:
    from ghostpose.codec.entries import StreamEntry
    from ghostpose.types import FrameId, FrameMessage

_MAX_TEXT: Final = 600


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One entry given up. `frame` is None if it doesn't say which frame it was.

    `buried_ms`: the server's clock; `payload`: what was kept of a picture or of maps.
    """

    partition: int
    entry_id: str
    buried_ms: int
    why: str
    detail: str
    stream: str
    frame: FrameId | None
    header: bytes
    payload: bytes
    is_cut: bool

    @property
    def name(self) -> str:
        """What commands call it: `<partition>:<entry id>`."""
        return f"{self.partition}:{self.entry_id}"

    def frame_message(self) -> FrameMessage:
        """Return the frame that this was, whole.

        Raises:
            InvalidValueError: it was none, or not all of it was kept; says which.
        """
        if not self.stream.endswith(":frames"):
            raise InvalidValueError(f"{self.name}: these were maps of a frame, not its picture")
        if self.is_cut or not self.payload:
            raise InvalidValueError(f"{self.name}: its picture was not kept, or not all of it")
        if self.frame is None:
            raise InvalidValueError(f"{self.name}: it doesn't say which frame it was")
        frame = self.frame
        entry = {
            b"c": frame.camera.encode(),
            b"s": b"%d" % frame.session,
            b"q": b"%d" % frame.seq,
            b"t": b"%d" % frame.ticket,
            b"h": self.header,
            b"p": self.payload,
        }
        try:
            return decode_frame(entry, self.buried_ms)
        except DecodeError as cause:
            raise InvalidValueError(f"{self.name}: it is no frame ({cause})") from cause


def decode_letter(partition: int, entry: StreamEntry) -> DeadLetter:
    """Decode a dead letter; whatever it holds, it is one."""
    fields = entry.fields

    def text(name: bytes) -> str:
        return printable(fields.get(name, b"").decode("utf-8", "replace"))[:_MAX_TEXT]

    try:
        frame = decode_id(fields)
    except DecodeError:
        frame = None
    return DeadLetter(
        partition=partition,
        entry_id=entry.id,
        buried_ms=entry.at_ms,
        why=text(b"why"),
        detail=text(b"detail"),
        stream=text(b"from"),
        frame=frame,
        header=fields.get(b"h", b""),
        payload=fields.get(b"p", b""),
        is_cut=b"cut" in fields,
    )
