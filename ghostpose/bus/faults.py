"""What redis-py raises, as our errors with one sentence each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import redis

from ghostpose.errors import BusError, BusFullError, BusUnavailableError, GhostposeError

if TYPE_CHECKING:
    from collections.abc import Iterator


def without_password(url: str) -> str:
    """Return a server's URL fit for logs and errors."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}"))


def is_group_lost(error: redis.ResponseError) -> bool:
    """Return whether a read failed because stream or group are gone: the server lost its memory."""
    return str(error).startswith(("NOGROUP", "UNBLOCKED"))


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Turn redis-py's errors within the block into ours.

    Raises:
        BusFullError: the server is at `maxmemory`.
        BusUnavailableError: it doesn't answer, loads its data, or refuses the password.
        BusError: it answered with any other error.
    """
    try:
        yield
    except redis.exceptions.OutOfMemoryError as cause:
        raise BusFullError(f"The Redis server at {address} is at its maxmemory.") from cause
    except redis.RedisError as cause:
        raise _translate(cause, address) from cause


def _translate(cause: redis.RedisError, address: str) -> GhostposeError:
    if isinstance(cause, redis.AuthenticationError):
        return BusUnavailableError(
            f"The Redis server at {address} refuses these credentials: {cause}."
        )
    if isinstance(cause, redis.BusyLoadingError):
        return BusUnavailableError(f"The Redis server at {address} is still loading its data.")
    if isinstance(cause, redis.ConnectionError | redis.TimeoutError):
        return BusUnavailableError(
            f"No Redis server answers at {address} ({cause}): start one there, or give another"
            " address."
        )
    return BusError(f"The Redis server at {address} answered with an error: {cause}")
