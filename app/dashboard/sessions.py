"""Who is logged in, and how often somebody may try to."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.dashboard.tokens import Identity

SESSION_S: Final = 12 * 3600.0
"""A login lasts a shift."""

MAX_SESSIONS: Final = 1000
"""More push the oldest out."""

TRIES: Final = 5
"""Wrong tokens that one address may give within `WINDOW_S`."""

ALL_TRIES: Final = 60
"""The same for all addresses together: each try costs a hash."""

WINDOW_S: Final = 60.0

_MAX_ADDRESSES: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Session:
    identity: Identity
    until_s: float


class Sessions:
    """Logins of this process, in its memory only. For one thread at a time, or under the GIL."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def open(self, identity: Identity) -> str:
        """Return the secret of a new login, for the browser to keep."""
        secret = secrets.token_urlsafe(32)
        self._sessions[secret] = _Session(identity, self._now_s() + SESSION_S)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return secret

    def find(self, secret: str) -> Identity | None:
        """Return whose login it is, None if there is none (any more)."""
        session = self._sessions.get(secret)
        if session is None:
            return None
        if session.until_s < self._now_s():
            self.close(secret)
            return None
        return session.identity

    def close(self, secret: str) -> None:
        """Log out."""
        self._sessions.pop(secret, None)


class Attempts:
    """Counts tries of the last minute, by address and in all; threads may share it.

    A try counts from its begin, so that many at once are no way around, and is forgiven when it
    was right.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque()

    def begin(self, address: str) -> float:
        """Note a try; return 0, or else how many seconds to wait before it would be one."""
        with self._lock:
            own = self._by_address.setdefault(address, deque())
            self._by_address.move_to_end(address)
            while len(self._by_address) > _MAX_ADDRESSES:
                self._by_address.popitem(last=False)
            wait_s = max(self._left_s(own, TRIES), self._left_s(self._all, ALL_TRIES))
            if wait_s == 0:
                own.append(self._now_s())
                self._all.append(self._now_s())
            return wait_s

    def forgive(self, address: str) -> None:
        """Take the last try back: it was right."""
        with self._lock:
            for tries in (self._by_address.get(address), self._all):
                if tries:
                    tries.pop()

    def _left_s(self, tries: deque[float], allowed: int) -> float:
        now_s = self._now_s()
        while tries and tries[0] <= now_s - WINDOW_S:
            tries.popleft()
        return 0.0 if len(tries) < allowed else tries[0] + WINDOW_S - now_s
