"""Frames of a camera in the order of their tickets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ghostpose.bus import MapsDelivery
from ghostpose.types import FrameId, GapMessage
from postprocess.ordering import TicketOrder


def delivery(ticket: int) -> MapsDelivery:
    return MapsDelivery(0, "maps", f"{ticket}-0", GapMessage(FrameId("a", 1, 0, ticket), "stale"))


def drain(order: TicketOrder) -> list[int]:
    tickets = []
    while (one := order.next()) is not None:
        tickets.append(one.message.id.ticket)
        order.done(tickets[-1])
    return tickets


@given(st.permutations(range(1, 9)))
def test_tickets_come_out_in_order_whatever_order_they_came_in(tickets: list[int]) -> None:
    order, out = TicketOrder(0), []
    for ticket in tickets:
        order.add(delivery(ticket))
        out += drain(order)
    assert out == list(range(1, 9))


def test_an_early_ticket_waits() -> None:
    order = TicketOrder(3)
    order.add(delivery(5))
    assert order.next() is None
    order.add(delivery(4))
    assert drain(order) == [4, 5]


def test_a_duplicate_comes_out_at_once_and_holds_nothing_up() -> None:
    order = TicketOrder(3)
    order.add(delivery(4))
    order.add(delivery(2))
    assert drain(order) == [2, 4]
    assert order.committed == 4
