from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from bus_servers import until

from app.chaos.link import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.bus import EmbeddedServer


@pytest.fixture
def link(server: EmbeddedServer) -> Iterator[Link]:
    folder = Path(tempfile.mkdtemp(prefix="gp-link-"))
    with Link(folder / "here.sock", Path(server.url.removeprefix("unix://"))) as made:
        yield made
    shutil.rmtree(folder)


def client(link: Link, timeout_s: float = 30) -> redis.Redis:
    return redis.Redis.from_url(link.url, socket_timeout=timeout_s, retry=None)


def test_what_is_large_passes_both_ways(link: Link) -> None:
    with client(link) as one:
        one.set("k", b"x" * 10_000_000)
        assert one.get("k") == b"x" * 10_000_000


def test_a_link_that_is_cut_closes_what_is_open_and_refuses_what_comes(link: Link) -> None:
    with client(link) as one, client(link) as other:
        assert one.ping()
        link.cut()
        for each in (one, other):
            with pytest.raises(redis.ConnectionError):
                while each.ping():  # it is cut by another thread
                    pass
        link.mend()
        assert other.set("k", "mended")


def test_a_link_that_hangs_says_nothing_until_it_is_mended(link: Link) -> None:
    with client(link, timeout_s=0.3) as one, client(link) as patient:
        until(one.ping, "it answers as quickly as that")
        link.hang()
        with pytest.raises(redis.TimeoutError):
            while one.ping():
                pass
        link.mend()
        assert patient.ping()
