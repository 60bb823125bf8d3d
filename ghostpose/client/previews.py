"""Reading previews: small pictures of cameras that ingest makes while somebody reads them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Collection

    import redis

    from ghostpose.codec.preview import Preview
    from ghostpose.codec.registry import CameraEntry

KNOWN_S: Final = 1.0
"""How long the cameras there are, and the keys of their previews, are taken to be the same."""


class PreviewReader:
    """Reads cameras' previews. Reading one says that it is wanted, for the next seconds.

    So the first `read` of a camera brings nothing yet, and each later one the newest: at most five
    a second are made. Each bears `session` and `seq` of its frame, to draw that frame's poses on.

    Args:
        source: URL of the Redis server, or a `redis` client (a `Bus`'s `client`, for one).
        timeout_s: how long to try to reach the server.

    Raises:
        BusUnavailableError: no server answers there.
    """

    def __init__(self, source: str | redis.Redis, timeout_s: float = 5.0) -> None:
        from ghostpose.client import questions
        from ghostpose.client.talks import Line

        self._line = Line.opened(source, timeout_s, lambda line: questions.deployment(line.address))
        self._known: dict[str, CameraEntry] = {}
        self._known_until_s = 0.0

    def read(self, camera: str) -> Preview | None:
        """Return a camera's newest preview, of the last ten seconds, and ask for the next.

        None: there is none (yet), the camera is unknown, or it keeps no pictures.

        Raises:
            DecodeError: what is there is no preview.
            BusUnavailableError: the server went away.
        """
        from ghostpose.client import questions

        entry = self._line.hold(questions.camera(camera))
        return None if entry is None else self._line.hold(questions.preview(entry))

    def read_many(self, cameras: Collection[str]) -> dict[str, Preview]:
        """Return the newest previews of several cameras, those that have one, as `read` does.

        One round trip for all of them, and one more a second for the cameras there are. What is
        there and is no preview is passed over.

        Raises:
            BusUnavailableError: the server went away.
        """
        from ghostpose.client import questions

        if time.monotonic() >= self._known_until_s:
            self._known = self._line.hold(questions.cameras())
            self._known_until_s = time.monotonic() + KNOWN_S
        known = {camera: self._known[camera] for camera in cameras if camera in self._known}
        return self._line.hold(questions.previews(known))

    def close(self) -> None:
        """Close the connection, if this reader made it."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
