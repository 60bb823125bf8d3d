"""The application: what answers at which address."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

import ghostpose
from app.dashboard import cameras_api, fleet_api, history_api, jobs_api, live_api, login_api
from app.dashboard.access import ProvenTokens
from app.dashboard.audit import Audit
from app.dashboard.context import Context
from app.dashboard.feed import Feed
from app.dashboard.guard import Guard
from app.dashboard.known_queue import KnownQueue
from app.dashboard.known_store import KnownStore
from app.dashboard.overview import Overview
from ghostpose.errors import (
    BusFullError,
    BusUnavailableError,
    GhostposeError,
    RegistryConflictError,
    StoreError,
    UserError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import ASGIApp

    from app.dashboard.tokens import Token
    from ghostpose.bus import Bus

STATIC: Final = Path(__file__).parent / "static"

_STATUS_OF: Final[tuple[tuple[type[GhostposeError], int], ...]] = (
    (BusUnavailableError, 503),
    (BusFullError, 503),
    (StoreError, 503),
    (RegistryConflictError, 409),
    (UserError, 400),
)
"""The first that fits an error says the answer's status."""


def make_app(
    bus: Bus,
    tokens: Mapping[str, Token],
    *,
    jobs_url: str,
    store_url: str | None = None,
    references: tuple[str, ...] = (),
) -> ASGIApp:
    """Return the dashboard of the deployment on `bus`; without tokens, for this machine only.

    `references`: what addresses that are given on the page may refer to, as patterns. Queue and
    store are opened when they are first asked for.
    """
    queue = KnownQueue(jobs_url)
    store = None if store_url is None else KnownStore(store_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        feed = Feed(bus, loop)
        overview = Overview(bus, feed.tell)
        app.state.context = Context(
            bus, tokens, feed, overview, Audit(bus), queue, store, references
        )
        app.state.proven = ProvenTokens()
        feed.start()
        overview.start()
        try:
            yield
        finally:
            await asyncio.to_thread(overview.stop)
            await asyncio.to_thread(feed.stop)
            for known in (queue, store):
                if known is not None:
                    known.close()

    # FastAPI's own pages of documentation load scripts from elsewhere; the document is enough.
    app = FastAPI(
        title="ghostpose",
        version=ghostpose.__version__,
        summary="What cameras see and do, and what they are set to.",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    for module in (login_api, live_api, cameras_api, history_api, fleet_api, jobs_api):
        app.include_router(module.router)
    app.exception_handler(GhostposeError)(_failed)
    app.exception_handler(RequestValidationError)(_malformed)
    app.get("/", include_in_schema=False)(_page)
    app.mount("/", StaticFiles(directory=STATIC))
    return Guard(app, loopback_only=not tokens)


def _page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


def _failed(_: Request, error: Exception) -> JSONResponse:
    """Answer with an error's sentence."""
    status = next((code for kind, code in _STATUS_OF if isinstance(error, kind)), 500)
    return JSONResponse({"detail": str(error)}, status)


def _malformed(_: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request, and nothing of what it holds: that may be a password."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"detail": f"{where or 'the request'}: {first['msg']}"}, 422)
