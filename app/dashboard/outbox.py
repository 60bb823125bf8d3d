"""What one browser is still to be sent: of each camera the newest picture only.

So a browser or a network that is slow sees fewer pictures, never older ones, and takes no more
memory here than one picture a camera. Pictures that were sent and not yet drawn are counted, too:
the operating system's buffers would else hold seconds of them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

UNDRAWN_A_CAMERA: Final = 2
"""Pictures a camera that may be on their way to the screen."""

FEWEST_UNDRAWN: Final = 4


class Outbox:
    """One browser's messages. For the event loop's thread."""

    def __init__(self) -> None:
        self.watched: frozenset[str] = frozenset()
        self.dropped = 0
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._text: str | None = None
        self._undrawn = 0
        self._news = asyncio.Event()

    def watch(self, cameras: frozenset[str]) -> None:
        """Want pictures of these cameras, and of no others, from now on."""
        self.watched = cameras
        for camera in self._pictures.keys() - cameras:
            del self._pictures[camera]
        self._news.set()

    def put_picture(self, camera: str, message: bytes) -> None:
        """Take a picture in, if its camera is watched; it takes the place of an older one."""
        if camera not in self.watched:
            return
        self.dropped += camera in self._pictures
        self._pictures[camera] = message
        self._news.set()

    def put_text(self, message: str) -> None:
        """Take the newest figures in; they take the place of older ones."""
        self._text = message
        self._news.set()

    def drawn(self, count: int) -> None:
        """Learn that so many pictures were drawn, or thrown away, by the browser."""
        self._undrawn = max(0, self._undrawn - count)
        self._news.set()

    async def next(self) -> str | bytes:
        """Return what is to be sent next; wait until there is something that may be."""
        while True:
            self._news.clear()
            if self._text is not None:
                text, self._text = self._text, None
                return text
            if self._pictures and self._undrawn < self._allowed:
                self._undrawn += 1
                return self._pictures.popitem(last=False)[1]
            await self._news.wait()

    @property
    def _allowed(self) -> int:
        return max(FEWEST_UNDRAWN, UNDRAWN_A_CAMERA * len(self.watched))
