"""The socket by which a page gets pictures with poses, and figures of all cameras.

The browser says what is in view (`{"watch": ["hall", "door"]}`) and what it has drawn
(`{"drawn": 3}`). It gets texts (`{"kind": "overview", ...}`) and pictures (see `wire`).
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, HTTPException, WebSocket, WebSocketDisconnect

from app.dashboard.access import context_of, identity_of
from app.dashboard.outbox import Outbox
from ghostpose.types import CAMERA_NAME_PATTERN

if TYPE_CHECKING:
    from app.dashboard.context import Context

MAX_SOCKETS: Final = 64
"""Pages that may be open at once."""

MAX_WATCHED: Final = 64
"""Cameras a page may have in view."""

MAX_MESSAGE_CHARS: Final = 8192

STILL_IN_S: Final = 5.0
"""How often it is looked whether the login still holds."""

_NOT_LOGGED_IN, _BAD_MESSAGE, _TOO_MANY = 4401, 1008, 1013
"""Codes that a socket is closed with; the page knows the first."""

router = APIRouter()


@router.websocket("/api/live")
async def live(socket: WebSocket) -> None:
    """Serve one page until it goes, or its login ends."""
    context = context_of(socket)
    await socket.accept()  # a browser tells its page nothing of a socket that was refused
    if not await asyncio.to_thread(_may_come_in, socket):
        await socket.close(_NOT_LOGGED_IN)
        return
    if context.sockets >= MAX_SOCKETS:  # nothing is waited for between this and the count
        await socket.close(_TOO_MANY)
        return
    outbox = Outbox()
    context.sockets += 1
    context.feed.join(outbox)
    try:
        await _serve(socket, context, outbox)
    finally:
        context.feed.leave(outbox)
        context.sockets -= 1


async def _serve(socket: WebSocket, context: Context, outbox: Outbox) -> None:
    outbox.put_text(json.dumps({"kind": "overview", **asdict(context.overview.now())}))
    tasks = [
        asyncio.create_task(_send(socket, outbox)),
        asyncio.create_task(_hear(socket, context, outbox)),
        asyncio.create_task(_until_logged_out(socket)),
    ]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    code = max((task.result() for task in done if task.exception() is None), default=1000)
    with suppress(RuntimeError, WebSocketDisconnect):  # it is closed already
        await socket.close(code)


async def _send(socket: WebSocket, outbox: Outbox) -> int:
    while True:
        message = await outbox.next()
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)


async def _hear(socket: WebSocket, context: Context, outbox: Outbox) -> int:
    """Take in what the page says; return the code to close by."""
    try:
        while True:
            text = await socket.receive_text()
            if not _take(text, context, outbox):
                return _BAD_MESSAGE
    except WebSocketDisconnect:
        return 1000
    except KeyError:
        return _BAD_MESSAGE  # bytes, where a text was wanted


def _take(text: str, context: Context, outbox: Outbox) -> bool:
    """Take one message in; False: it is none."""
    try:
        message = json.loads(text) if len(text) <= MAX_MESSAGE_CHARS else None
    except (ValueError, RecursionError):
        return False
    if not isinstance(message, dict):
        return False
    if (names := message.get("watch")) is not None:
        if not _are_names(names):
            return False
        context.feed.watch(outbox, frozenset(names))
    drawn = message.get("drawn", 0)
    if type(drawn) is not int or not 0 <= drawn <= 10_000:
        return False
    outbox.drawn(drawn)
    return True


def _are_names(names: object) -> bool:
    return (
        isinstance(names, list)
        and len(names) <= MAX_WATCHED
        and all(isinstance(n, str) and CAMERA_NAME_PATTERN.fullmatch(n) for n in names)
    )


async def _until_logged_out(socket: WebSocket) -> int:
    while True:
        await asyncio.sleep(STILL_IN_S)
        if not await asyncio.to_thread(_may_come_in, socket):
            return _NOT_LOGGED_IN


def _may_come_in(socket: WebSocket) -> bool:
    try:
        return identity_of(socket) is not None
    except HTTPException:
        return False
