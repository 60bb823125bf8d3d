from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from app.chaos.faults import KINDS, choose

if TYPE_CHECKING:
    from app.chaos.faults import Fault
    from app.chaos.site import Site

NAMES = ("ingest-1", "infer-1", "infer-2", "postprocess-1", "store-1")


def chosen(seed: int, count: int = 300) -> list[Fault]:
    """Choose faults of a site that doesn't run."""
    named = dict.fromkeys(NAMES, SimpleNamespace(hang=None, cut=None, mend=None))
    live = {"live-1": SimpleNamespace(plug=None, unplug=None)}
    site = SimpleNamespace(processes=named, links=named, live=live, expected={"live-1": None})
    random = Random(seed)
    return [choose(cast("Site", site), random) for _ in range(count)]


def what(faults: list[Fault]) -> list[tuple[str, str, float]]:
    return [(one.kind, one.victim, one.hold_s) for one in faults]


def test_the_same_seed_chooses_the_same_faults() -> None:
    assert what(chosen(7)) == what(chosen(7))
    assert what(chosen(7)) != what(chosen(8))


def test_everything_goes_wrong_sooner_or_later() -> None:
    faults = chosen(7)
    kinds = {one.kind for one in faults}
    assert len(kinds) >= len(set(KINDS))
    assert {"kill ingest", "stop postprocess", "hang a link", "cut a link"} <= kinds
    assert {one.victim for one in faults} == {*NAMES, "server", "live-1"}
    assert all(one.hold_s == 0 for one in faults if one.kind.startswith(("kill", "skew")))
    assert all(one.hold_s > 0 for one in faults if one.kind.startswith(("stop", "hang", "cut")))
