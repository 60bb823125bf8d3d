"""What all requests share: the bus, who is logged in, what is watched."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.dashboard.sessions import Attempts, Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.dashboard.audit import Audit
    from app.dashboard.feed import Feed
    from app.dashboard.known_queue import KnownQueue
    from app.dashboard.known_store import KnownStore
    from app.dashboard.overview import Overview
    from app.dashboard.tokens import Token
    from ghostpose.bus import Bus

HISTORIES_AT_ONCE: Final = 2
"""A month of a busy camera keeps a database busy for seconds; others wait, and hold no thread."""


@dataclass(slots=True)
class Context:
    """One dashboard. Without `tokens` whoever reaches it is its admin.

    `references`: what addresses that are given here may refer to.
    """

    bus: Bus
    tokens: Mapping[str, Token]
    feed: Feed
    overview: Overview
    audit: Audit
    queue: KnownQueue
    store: KnownStore | None = None
    references: tuple[str, ...] = ()
    sessions: Sessions = field(default_factory=Sessions)
    attempts: Attempts = field(default_factory=Attempts)
    histories: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(HISTORIES_AT_ONCE)
    )
    sockets: int = 0

    @property
    def is_open(self) -> bool:
        """Whether nobody has to log in."""
        return not self.tokens
