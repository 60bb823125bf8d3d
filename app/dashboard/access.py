"""Who asks: by the login's cookie, or a program by its token in `Authorization: Bearer`."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Final

from fastapi import Depends, HTTPException
from starlette.requests import HTTPConnection

from app.dashboard.context import Context
from app.dashboard.sessions import Sessions
from app.dashboard.tokens import Identity, identify

COOKIE: Final = "__Host-ghostpose"
"""The prefix has browsers keep it for this very host, and send it by `https://` only (or to this
machine)."""

LOCAL: Final = Identity("local", "admin")
"""Whoever asks a dashboard without tokens, which only this machine reaches."""

TOO_OFTEN: Final = "too many wrong tokens came from here: wait a minute"


def context_of(connection: HTTPConnection) -> Context:
    """Return what all requests share."""
    context: Context = connection.app.state.context
    return context


def address_of(connection: HTTPConnection) -> str:
    """Return the address that a request comes from."""
    return connection.client.host if connection.client else "unknown"


def identity_of(connection: HTTPConnection) -> Identity | None:
    """Return who asks, None if nobody says so rightly.

    Raises:
        HTTPException: 429, wrong tokens came too often.
    """
    context = context_of(connection)
    if context.is_open:
        return LOCAL
    cookie = connection.cookies.get(COOKIE)
    if cookie is not None and (known := context.sessions.find(cookie)) is not None:
        return known
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return _bearer(connection, token.strip()) if scheme.lower() == "bearer" else None


def check_token(connection: HTTPConnection, token: str) -> Identity | None:
    """Return whose token this is, None if nobody's.

    Raises:
        HTTPException: 429, wrong tokens came too often.
    """
    context, address = context_of(connection), address_of(connection)
    wait_s = context.attempts.begin(address)
    if wait_s > 0:
        raise HTTPException(429, TOO_OFTEN, {"Retry-After": str(int(wait_s) + 1)})
    identity = identify(context.tokens, token)
    if identity is not None:
        context.attempts.forgive(address)
    return identity


class ProvenTokens:
    """Tokens that were right, so that a program's next request costs no hash.

    Kept as a quick hash with a key of this process, as long as a login.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._proven: dict[str, str] = {}

    def find(self, sessions: Sessions, token: str) -> Identity | None:
        """Return whose token it is, if it was right before."""
        secret = self._proven.get(self._digest(token))
        return None if secret is None else sessions.find(secret)

    def add(self, sessions: Sessions, token: str, identity: Identity) -> None:
        """Remember that it is right."""
        if len(self._proven) > 1000:
            self._proven.clear()
        self._proven[self._digest(token)] = sessions.open(identity)

    def _digest(self, token: str) -> str:
        return hashlib.blake2b(token.encode("utf-8", "replace"), key=self._key).hexdigest()


def _bearer(connection: HTTPConnection, token: str) -> Identity | None:
    context = context_of(connection)
    proven: ProvenTokens = connection.app.state.proven
    identity = proven.find(context.sessions, token)
    if identity is None and (identity := check_token(connection, token)) is not None:
        proven.add(context.sessions, token, identity)
    return identity


def viewer(connection: HTTPConnection) -> Identity:
    """Return who asks.

    Raises:
        HTTPException: 401, nobody says so rightly.
    """
    identity = identity_of(connection)
    if identity is None:
        raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})
    return identity


def admin(identity: Annotated[Identity, Depends(viewer)]) -> Identity:
    """Return who asks, if it is an admin.

    Raises:
        HTTPException: 401, nobody says so rightly; 403: a viewer does.
    """
    if identity.role != "admin":
        raise HTTPException(403, "this takes an admin's token: yours is a viewer's")
    return identity


TheContext = Annotated[Context, Depends(context_of)]
TheAddress = Annotated[str, Depends(address_of)]
Viewer = Annotated[Identity, Depends(viewer)]
Admin = Annotated[Identity, Depends(admin)]
