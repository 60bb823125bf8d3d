"""A way to the server that can be cut: a process's connections go through it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

READ_BYTES: Final = 2**16


class Link:
    """Passes bytes between the socket `here` and the socket `there`, until it is cut.

    `cut()` closes what is open and refuses what comes, as a host that went away; `hang()` passes
    nothing on and says nothing, as a cable that was pulled; `mend()` ends both.
    """

    def __init__(self, here: Path, there: Path) -> None:
        self._here, self._there = here, there
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._flows.set()
        listen = asyncio.start_unix_server(self._serve, self._here)
        self._server = asyncio.run_coroutine_threadsafe(listen, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Address of the server by this way."""
        return f"unix://{self._here}"

    def cut(self) -> None:
        """Close every connection, and each that comes."""
        self._loop.call_soon_threadsafe(self._cut)

    def hang(self) -> None:
        """Keep every connection open, and pass nothing on."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def mend(self) -> None:
        """Work again; what was held up is passed on."""
        self._loop.call_soon_threadsafe(self._mend)

    def _cut(self) -> None:
        self._refuses = True
        for writer in self._writers:
            writer.transport.abort()

    def _mend(self) -> None:
        self._refuses = False
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        with suppress(OSError):
            if not self._refuses:
                await self._join(reader, writer)
        writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._there)
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        finally:
            self._writers -= ends

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on until either side closes, which closes the other one."""
        try:
            while data := await reader.read(READ_BYTES):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        self._flows.set()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(tasks, timeout=2) if tasks else None
