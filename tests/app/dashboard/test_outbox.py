"""A slow browser sees fewer pictures, never older ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from app.dashboard.outbox import FEWEST_UNDRAWN, Outbox

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def run(coroutine: Coroutine[object, object, T]) -> T:
    return asyncio.run(coroutine)


async def all_there(outbox: Outbox) -> list[str | bytes]:
    """Return what may be sent now."""
    found = []
    while True:
        try:
            found.append(await asyncio.wait_for(outbox.next(), 0.01))
        except TimeoutError:
            return found


def test_a_newer_picture_takes_the_place_of_one_that_was_not_sent() -> None:
    async def play() -> None:
        outbox = Outbox()
        outbox.watch(frozenset({"hall", "door"}))
        for picture in (b"1", b"2", b"3"):
            outbox.put_picture("hall", picture)
        outbox.put_picture("door", b"4")
        outbox.put_picture("elsewhere", b"5")
        assert await all_there(outbox) == [b"3", b"4"]
        assert outbox.dropped == 2

    run(play())


def test_no_more_pictures_are_sent_than_the_browser_has_drawn() -> None:
    async def play() -> None:
        outbox = Outbox()
        outbox.watch(frozenset({"hall"}))
        sent = []
        for number in range(20):
            outbox.put_picture("hall", b"%d" % number)
            sent += await all_there(outbox)
        assert sent == [b"%d" % number for number in range(FEWEST_UNDRAWN)]
        outbox.drawn(1)
        assert await all_there(outbox) == [b"19"]
        outbox.put_text("figures")
        assert await all_there(outbox) == ["figures"], "texts don't wait for pictures"

    run(play())


def test_what_is_no_longer_watched_is_not_sent() -> None:
    async def play() -> None:
        outbox = Outbox()
        outbox.watch(frozenset({"hall", "door"}))
        outbox.put_picture("hall", b"1")
        outbox.put_picture("door", b"2")
        outbox.watch(frozenset({"door"}))
        assert await all_there(outbox) == [b"2"]

    run(play())


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=60))
def test_each_camera_comes_in_order_and_memory_is_one_picture_a_camera(
    events: list[tuple[str, int]],
) -> None:
    async def play() -> None:
        outbox, last = Outbox(), dict.fromkeys("abc", -1)
        outbox.watch(frozenset("abc"))
        for number, (camera, drawn) in enumerate(events):
            outbox.put_picture(camera, f"{camera}{number}".encode())
            assert len(outbox._pictures) <= 3
            outbox.drawn(drawn)
            while outbox._pictures and outbox._undrawn < outbox._allowed:
                text = (await outbox.next()).decode()  # type: ignore[union-attr]
                assert int(text[1:]) > last[text[0]]
                last[text[0]] = int(text[1:])

    run(play())
