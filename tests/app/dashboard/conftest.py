"""A dashboard on a real server, asked as a browser or a program would."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest
from websockets.sync.client import connect

from app.dashboard.listen import Listen, open_listener
from app.dashboard.serving import served
from app.dashboard.tokens import make_token, parse_tokens
from app.dashboard.web import make_app
from ghostpose.dashboard import DashboardConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from app.dashboard.tokens import Role
    from ghostpose.bus import Bus, EmbeddedServer


class Asked(httpx.Client):
    """Asks one dashboard, as its own page would; `tokens` are those it knows."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self.host, self.tokens = f"127.0.0.1:{port}", tokens
        super().__init__(
            base_url=f"http://{self.host}", headers={"Origin": f"http://{self.host}"}, timeout=20
        )

    def log_in(self, number: int = 0) -> httpx.Response:
        answer = self.post("/api/login", json={"token": self.tokens[number]})
        # The cookie is for https:// only, or for a browser that sees that this machine is its own.
        self.headers["Cookie"] = answer.headers.get("set-cookie", "").partition(";")[0]
        return answer

    def socket(self, **headers: str) -> ClientConnection:
        given: dict[str, str] = {"Origin": f"http://{self.host}", **headers}
        if cookie := self.headers.get("Cookie"):
            given["Cookie"] = cookie
        return connect(
            f"ws://{self.host}/api/live", additional_headers=given, max_size=2**20, open_timeout=60
        )


class Dashboards(Protocol):
    def __call__(
        self,
        *names_and_roles: tuple[str, Role],
        store_url: str | None = None,
        references: tuple[str, ...] = (),
    ) -> Asked: ...


@pytest.fixture
def dashboard(bus: Bus, server: EmbeddedServer) -> Iterator[Dashboards]:
    """Start a dashboard that knows tokens of these names and roles; none: it is open."""
    with ExitStack() as stack:

        def start(*names_and_roles: tuple[str, Role], **options: Any) -> Asked:
            made = [make_token(name, role) for name, role in names_and_roles]
            tokens = parse_tokens("\n".join(line for _, line in made), "test")
            listener = stack.enter_context(open_listener(Listen("127.0.0.1", 0)))
            app = make_app(bus, tokens, jobs_url=server.url, **options)
            stack.enter_context(served(app, listener, DashboardConfig()))
            port: Any = listener.getsockname()[1]
            return stack.enter_context(Asked(port, [token for token, _ in made]))

        yield start
