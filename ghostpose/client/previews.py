"""Reading previews: small pictures of cameras that ingest makes while somebody reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import redis

    from ghostpose.codec.preview import Preview


class PreviewReader:
    """Reads cameras' previews. Reading one says that it is wanted, for the next seconds.

    So the first `read` of a camera brings nothing yet, and each later one the newest: at most two
    a second are made. Each bears `session` and `seq` of its frame, to draw that frame's poses on.

    Args:
        source: URL of the Redis server, or a `redis` client (a `Bus`'s `client`, for one).
        timeout_s: how long to try to reach the server.

    Raises:
        BusUnavailableError: no server answers there.
    """

    def __init__(self, source: str | redis.Redis, timeout_s: float = 5.0) -> None:
        from ghostpose.client.streams import Streams

        self._streams = Streams(source, timeout_s)

    def read(self, camera: str) -> Preview | None:
        """Return a camera's newest preview, of the last ten seconds, and ask for the next.

        None: there is none (yet), the camera is unknown, or it keeps no pictures.

        Raises:
            DecodeError: what is there is no preview.
            BusUnavailableError: the server went away.
        """
        entry = self._streams.camera(camera)
        return None if entry is None else self._streams.preview(entry)

    def close(self) -> None:
        """Close the connection, if this reader made it."""
        self._streams.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
