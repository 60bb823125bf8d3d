"""Fixtures shared by all tests: one real server a run, emptied before each test that uses it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from roles import Pipeline

    from ghostpose.bus import Bus, EmbeddedServer


# A deadline for each example would measure what else runs on the machine.
settings.register_profile("ghostpose", deadline=None)
settings.load_profile("ghostpose")


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """Put the handlers of stop signals back: a command that a test calls leaves its own."""
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def running_server() -> Iterator[EmbeddedServer]:
    from ghostpose.bus import EmbeddedServer

    with EmbeddedServer(maxmemory_mb=256) as server:
        yield server


@pytest.fixture
def server(running_server: EmbeddedServer) -> EmbeddedServer:
    """Return a running, empty server."""
    import redis

    with redis.Redis.from_url(running_server.url) as client:
        client.flushall()
        client.config_resetstat()
    return running_server


@pytest.fixture
def bus(server: EmbeddedServer) -> Iterator[Bus]:
    """Return a connection to a new deployment of 4 partitions on `server`."""
    from waiting import PATIENT_S

    from ghostpose.bus import Bus

    with Bus.connect(server.url, partitions=4, timeout_s=PATIENT_S) as connected:
        yield connected


@pytest.fixture
def pipeline(bus: Bus) -> Pipeline:
    """Return all roles of the bus for the camera `lobby`, with a credit of 4."""
    from roles import make_pipeline

    return make_pipeline(bus, "lobby")
