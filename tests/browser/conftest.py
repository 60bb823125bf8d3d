"""Real Chromium before a real dashboard of simulated cameras, one of each for the whole file."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from browser_site import CAMERAS, Site, served_on
from waiting import PATIENT_S

from ghostpose.bus import Bus, EmbeddedServer, Registry
from ghostpose.config import CameraConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
WAIT_MS = 60_000
"""For anything on a page: the machine may have other work."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian's chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        launched = started.chromium.launch(
            executable_path=CHROMIUM, args=arguments, timeout=WAIT_MS
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    """Return an open dashboard: whoever looks is its admin."""
    from simulated import SimulatedCamera, Simulation

    with EmbeddedServer() as server, Bus.connect(server.url, timeout_s=PATIENT_S) as bus:
        for name in CAMERAS:
            Registry(bus).add(CameraConfig(name=name, source="pattern:"))
        cameras = [SimulatedCamera(name, seed) for seed, name in enumerate(CAMERAS)]
        with Simulation(bus, cameras) as simulation, served_on(bus, server.url) as (url, _):
            yield Site(bus, server.url, simulation, url)


@pytest.fixture(scope="module")
def guarded(site: Site) -> Iterator[Site]:
    """Return a second dashboard of the same deployment, which wants tokens."""
    with served_on(site.bus, site.redis_url, "admin", "viewer") as (url, tokens):
        yield Site(site.bus, site.redis_url, site.simulation, url, tokens)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a new page, which must end without a word on its console."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    context.set_default_timeout(WAIT_MS)
    opened, said = context.new_page(), []

    def hear(message: ConsoleMessage) -> None:
        # An answer that refuses something is told on the console, too, by the browser itself.
        is_refusal = "Failed to load resource" in message.text and "status of 4" in message.text
        is_about_the_test = "willReadFrequently" in message.text  # it looks at what was drawn
        if message.type in ("error", "warning") and not (is_refusal or is_about_the_test):
            said.append(message.text)

    opened.on("console", hear)
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    context.close()
    assert said == []


@pytest.fixture
def problem_of_all(site: Site) -> Iterator[Callable[[str], None]]:
    """Give every camera a last trouble, until the test is over."""

    def say(problem: str) -> None:
        site.simulation.problem = problem

    yield say
    site.simulation.problem = None
