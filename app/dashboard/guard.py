"""What every request passes, before anything else looks at it: an ASGI wrapper.

- Pages of other sites can neither send requests that change something nor open the socket: what a
  browser says of where a request comes from (`Origin`) must be this page.
- Without tokens, `Host` must be this machine: a name of another site that is made to lead here
  would else be "this page", too.
- Bodies are small, and come at once.
- Answers carry headers that allow scripts, styles and connections of this page alone.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from app.dashboard.listen import is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES: Final = 128 * 2**10
"""Settings of a camera with all its zones take less."""

BODY_S: Final = 10.0
"""How long a body may take."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)

HTTPS_HEADER: Final = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """Wraps an application. `loopback_only`: no tokens are given."""

    def __init__(self, app: ASGIApp, *, loopback_only: bool) -> None:
        self._app, self._loopback_only = app, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, socket or the application's lifespan."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal})
                return
            await self._app(scope, receive, send)
            return
        sender = _with_headers(scope, send)
        if refusal:
            await _answer(sender, 403, refusal)
            return
        try:
            async with asyncio.timeout(BODY_S):
                body = await _body(scope, receive)
        except TimeoutError:
            sentence = f"a request's body comes within {BODY_S:g} seconds"
            await _answer(sender, 408, sentence, (b"connection", b"close"))
            return
        if body is None:
            await _answer(sender, 413, f"a request's body is at most {MAX_BODY_BYTES} bytes")
            return
        await self._app(scope, _replayed(body, receive), sender)

    def _refusal(self, scope: Scope) -> str | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self._loopback_only and not is_loopback(_name_of(host)):
            return "without tokens the dashboard answers to this machine's own name only"
        origin = headers.get(b"origin")
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return None
        if origin is None:
            return _without_origin(headers)
        if _place_of(origin) != host.lower():
            return "this request comes from a page of another site"
        return None


def _name_of(host: str) -> str:
    """Return the name in a `Host` without its port; none if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place_of(origin: str) -> str | None:
    """Return an origin's host and port; None if it has none or is malformed."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _without_origin(headers: dict[bytes, str]) -> str | None:
    """Refuse what a browser would have said the origin of: only programs leave it out."""
    if b"cookie" in headers or b"sec-fetch-site" in headers:
        return "a browser's request that changes something says where it comes from (Origin)"
    return None


def _with_headers(scope: Scope, send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), *HEADERS]
            if scope["scheme"] == "https":
                headers.append(HTTPS_HEADER)
            if not any(name == b"cache-control" for name, _ in headers):
                is_api = scope["path"].startswith("/api/")
                headers.append((b"cache-control", b"no-store" if is_api else b"no-cache"))
            message = {**message, "headers": headers}
        await send(message)

    return sender


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Return a request's body, None if it is too large; no more than that is ever read."""
    if scope["method"] in SAFE_METHODS:
        return b""
    for name, value in scope["headers"]:
        if name == b"content-length" and not (value.isdigit() and int(value) <= MAX_BODY_BYTES):
            return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _answer(send: Send, status: int, sentence: str, *more: tuple[bytes, bytes]) -> None:
    body = json.dumps({"detail": sentence}).encode()
    length = (b"content-length", b"%d" % len(body))
    headers = [(b"content-type", b"application/json"), length, *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
