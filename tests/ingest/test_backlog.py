from hypothesis import given
from hypothesis import strategies as st

from ingest.policy import Backlog, Offer

ACTIONS = st.lists(st.sampled_from(["offer", "take"]), max_size=100)


def test_latest_keeps_only_the_newest() -> None:
    backlog: Backlog[int] = Backlog("latest")
    assert [backlog.offer(k) for k in range(3)] == [
        Offer.KEPT,
        Offer.OVERWROTE,
        Offer.OVERWROTE,
    ]
    assert backlog.take() == 2
    assert backlog.take() is None


def test_every_says_no_when_it_is_full_and_loses_nothing() -> None:
    backlog: Backlog[int] = Backlog("every", prefetch=2)
    assert [backlog.offer(k) for k in range(3)] == [Offer.KEPT, Offer.KEPT, Offer.NO_ROOM]
    assert [backlog.take(), backlog.take(), backlog.take()] == [0, 1, None]


def test_what_is_left_is_counted() -> None:
    backlog: Backlog[int] = Backlog("every", prefetch=3)
    backlog.offer(1)
    backlog.offer(2)
    assert backlog.clear() == 2
    assert backlog.clear() == 0


@given(ACTIONS, st.sampled_from(["latest", "every"]))
def test_every_frame_is_taken_in_order_or_accounted_for(actions: list[str], policy: str) -> None:
    backlog: Backlog[int] = Backlog("latest" if policy == "latest" else "every")
    taken: list[int] = []
    offered = overwritten = refused = 0
    for action in actions:
        if action == "offer":
            outcome = backlog.offer(offered)
            overwritten += outcome is Offer.OVERWROTE
            refused += outcome is Offer.NO_ROOM
            offered += 1
        elif (item := backlog.take()) is not None:
            taken.append(item)
    assert taken == sorted(taken)
    assert offered == len(taken) + overwritten + refused + backlog.clear()
