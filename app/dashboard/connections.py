"""Connections of the dashboard's web server, which have to be for something.

uvicorn counts the open ones and refuses everybody when there are too many, but gives one that sends
nothing all the time it wants: a few hundred of those would close the dashboard, without a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

REQUEST_S: Final = 10.0
"""How long the head of a request may take, from the connection's or its own first byte on."""

MAX_OF_ONE_ADDRESS: Final = 128
"""Connections of one address, half of all there may be; more are closed at once."""


class PromptConnection(H11Protocol):
    """One connection: ended if a request is too slow, or its address has too many.

    Without a goodbye: over TLS that would be waited for.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, for a while."""
        super().connection_made(transport)
        if self._of_its_address() > MAX_OF_ONE_ADDRESS:
            transport.abort()
            return
        self._timer = self.loop.call_later(REQUEST_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Take part of a request; what is begun has to be whole in time."""
        super().data_received(data)
        if not self._waits_for_a_head():
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(REQUEST_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_timer()
        super().connection_lost(exc)

    def _waits_for_a_head(self) -> bool:
        is_a_socket_now = self not in self.connections
        return not is_a_socket_now and (self.cycle is None or self.cycle.response_complete)

    def _of_its_address(self) -> int:
        clients = (getattr(one, "client", None) for one in self.connections)
        return sum(bool(self.client and one and one[0] == self.client[0]) for one in clients)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
