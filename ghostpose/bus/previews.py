"""Previews on the bus: written while somebody wants them, and the poses that mask them.

Whoever looks at a camera sets a key beside its preview, for some seconds (see
`ghostpose.client.previews`). Publishing a frame tells in its answer whether that key is there, so a
camera that nobody looks at costs nothing, not even a question.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from ghostpose.codec.entries import from_read, id_ms
from ghostpose.codec.poses import decode_pose
from ghostpose.codec.preview import encode_preview
from ghostpose.errors import DecodeError
from ghostpose.server import translated

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus
    from ghostpose.codec.preview import Preview
    from ghostpose.types import PoseMessage

PREVIEW_KEPT_S: Final = 10.0
"""How long the last preview of a camera stays when no newer one comes."""

READ_AT_ONCE: Final = 100

_log = logging.getLogger(f"{__name__}.OwnPoses")


def publish_preview(bus: Bus, preview: Preview) -> None:
    """Make a preview the last one of its camera, for `PREVIEW_KEPT_S` or until the next.

    Raises:
        BusUnavailableError, BusFullError: the server can't take it now.
    """
    key, value = bus.keys.preview(preview.camera), encode_preview(preview)
    with translated(bus.address):
        bus.client.set(key, value, px=round(PREVIEW_KEPT_S * 1000))


def forget_preview(bus: Bus, camera: str) -> None:
    """Remove a camera's preview at once.

    Raises:
        BusUnavailableError: the server doesn't answer.
    """
    with translated(bus.address):
        bus.client.delete(bus.keys.preview(camera))


class OwnPoses:
    """A camera's pose messages, as the process that publishes its frames reads them back."""

    def __init__(self, bus: Bus, camera: str, since_ms: int) -> None:
        self._bus, self._key = bus, bus.keys.poses(camera)
        self._last_id = f"{since_ms}-0"

    @property
    def position_ms(self) -> int:
        """Up to when messages were read, by the server's clock."""
        return id_ms(self._last_id)

    def read(self, block_s: float) -> list[PoseMessage]:
        """Return what was committed since the last call; wait up to `block_s` for the first.

        Raises:
            BusUnavailableError: the server went away.
        """
        since: Any = {self._key: self._last_id}
        with translated(self._bus.address):
            reply = self._bus.client.xread(
                since, count=READ_AT_ONCE, block=max(1, round(block_s * 1000))
            )
        messages = []
        for _, entry in from_read(reply):
            self._last_id = entry.id
            try:
                messages.append(decode_pose(entry.fields.get(b"d", b"")))
            except DecodeError as error:
                _log.warning("entry %s of %s is passed over: %s", entry.id, self._key, error)
        return messages
