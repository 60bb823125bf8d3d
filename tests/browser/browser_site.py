"""A dashboard of simulated cameras, for a browser to look at."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.dashboard.listen import Listen, open_listener
from app.dashboard.serving import served
from app.dashboard.tokens import make_token, parse_tokens
from app.dashboard.web import make_app
from ghostpose.dashboard import DashboardConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulated import Simulation

    from app.dashboard.tokens import Role
    from ghostpose.bus import Bus

CAMERAS: Final = ("door", "garden", "hall", "yard")
UNKIND: Final = "<img src=x onerror=\"document.title='hacked'\">"
"""What a camera's trouble may say: text, and nothing but text."""


@dataclass
class Site:
    """A dashboard with its deployment. `tokens`: of an admin and of a viewer, if it has any."""

    bus: Bus
    redis_url: str
    simulation: Simulation
    url: str
    tokens: list[str] = field(default_factory=list)


@contextmanager
def served_on(bus: Bus, redis_url: str, *roles: Role) -> Iterator[tuple[str, list[str]]]:
    """Serve a dashboard meanwhile; yield its address and a token for each role."""
    made = [make_token(role, role) for role in roles]
    tokens = parse_tokens("\n".join(line for _, line in made), "test")
    with ExitStack() as stack:
        listener = stack.enter_context(open_listener(Listen("127.0.0.1", 0)))
        stack.enter_context(
            served(make_app(bus, tokens, jobs_url=redis_url), listener, DashboardConfig())
        )
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", [token for token, _ in made]
