"""The twins of asyncio: the same records, and a cancelled read loses nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import redis.asyncio
from streams_written import add_camera, add_event, add_poses, story

from ghostpose.client import AsyncPoseGroup, AsyncPoseReader, PoseReader, Where
from ghostpose.errors import BusUnavailableError, InvalidValueError
from ghostpose.types import EventMessage

if TYPE_CHECKING:
    from ghostpose.bus import Bus, EmbeddedServer


@pytest.fixture
def url(server: EmbeddedServer, bus: Bus) -> str:
    """Return the address of a server with two cameras, and poses and events of one."""
    for name in ("lobby", "yard"):
        add_camera(bus, name)
    add_event(bus, EventMessage("session_start", "lobby", 7, 0))
    add_poses(bus, "lobby", range(3))
    add_event(bus, EventMessage("gap", "lobby", 7, 3, {"reason": "stale"}))
    return server.url


def test_both_readers_read_the_same(url: str) -> None:
    async def read() -> tuple[object, ...]:
        async with AsyncPoseReader(url, start="begin") as reader:
            records = await reader.read(5)
            return story(records), reader.cursor, reader.cameras, reader.missed

    with PoseReader(url, start="begin") as reader:
        expected = story(reader.read(5)), reader.cursor, reader.cameras, reader.missed
    assert asyncio.run(read()) == expected
    assert expected[0] == ["session_start", "pose 0", "pose 1", "pose 2", "gap"]


def test_it_goes_on_where_another_stopped_and_yields_one_after_the_other(
    url: str, bus: Bus
) -> None:
    with PoseReader(url, ["lobby"], start="begin") as first:
        first.read(5)
    add_poses(bus, "lobby", range(4, 6))

    async def go_on() -> list[str]:
        where = Where(since=1.7e9 + 0.45)
        async with AsyncPoseReader(url, ["lobby"], cursor=first.cursor, where=where) as reader:
            async for record in reader:
                return story([record])
        return []

    assert asyncio.run(go_on()) == ["pose 5"]


def test_now_is_counted_from_entering_and_a_cancelled_read_loses_nothing(
    url: str, bus: Bus
) -> None:
    async def read() -> list[str]:
        async with AsyncPoseReader(url) as reader:
            waiting = asyncio.create_task(reader.read(30))
            await asyncio.sleep(0.05)  # wherever it is then, cancelling it must do no harm
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            add_poses(bus, "lobby", [7])
            return story(await reader.read(5))

    assert asyncio.run(read()) == ["pose 7"]


def test_other_tasks_go_on_while_it_waits(url: str, bus: Bus) -> None:
    async def both() -> list[str]:
        async with AsyncPoseReader(url) as reader:
            waiting = asyncio.create_task(reader.read(30))
            await asyncio.to_thread(add_poses, bus, "lobby", [7])
            return story(await waiting)

    assert asyncio.run(both()) == ["pose 7"]


def test_a_group_of_both_kinds_shares_what_comes(url: str) -> None:
    async def share() -> tuple[list[str], list[str]]:
        async with (
            AsyncPoseGroup(url, "alarms", ["lobby"], start="begin") as one,
            AsyncPoseGroup(url, "alarms", ["lobby"]) as other,
        ):
            first, second = await one.read(5, count=1), await other.read(5)
            await one.acknowledge(first)
            await other.acknowledge(second)
            assert (await one.read(0), await other.read(0)) == ([], [])
            return story(first), story(second)

    first, second = asyncio.run(share())
    assert first == ["session_start", "pose 0"]
    assert second == ["pose 1", "pose 2", "gap"]


def test_a_group_yields_one_after_the_other_and_acknowledges(url: str, bus: Bus) -> None:
    async def handle() -> list[str]:
        told = []
        async with AsyncPoseGroup(url, "alarms", ["lobby"], start="begin") as group:
            records = aiter(group)
            for _ in range(3):
                told += story([await anext(records)])
            await records.aclose()  # type: ignore[attr-defined]
            told += ["again", *story(await group.read(5))]
        return told

    again = ["again", "pose 1", "pose 2", "gap"]
    assert asyncio.run(handle()) == ["session_start", "pose 0", "pose 1", *again]
    assert bus.client.xpending(bus.keys.events("lobby"), "alarms")["pending"] == 1


def test_a_client_made_elsewhere_is_used_and_left_open(url: str) -> None:
    async def read() -> bool:
        async with redis.asyncio.Redis.from_url(url, protocol=2) as client:
            async with AsyncPoseReader(client, start="begin") as reader:
                assert len(await reader.read(5)) == 5
            return bool(await client.ping())

    assert asyncio.run(read())


def test_who_reads_before_entering_is_told_so_and_no_server_is_one_sentence() -> None:
    async def read() -> None:
        with pytest.raises(InvalidValueError, match="async with AsyncPoseReader"):
            await AsyncPoseReader("redis://127.0.0.1:1").read()
        for reader in (AsyncPoseReader, lambda url, **o: AsyncPoseGroup(url, "alarms", **o)):
            with pytest.raises(BusUnavailableError, match="No Redis server answers"):
                async with reader("redis://127.0.0.1:1", timeout_s=0.1):
                    pass

    asyncio.run(read())
