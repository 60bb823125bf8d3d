from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from app.chaos import report, timeline
from app.chaos.drill import Happened, Outcome
from app.chaos.ledger import Expected, Ledger


@pytest.fixture
def outcome() -> Outcome:
    ledger = Ledger()
    ledger.open({"lobby": Expected(), "yard": Expected()})
    ledger.violated("lost", "lobby/1/2: came when frame 1 was next")
    happened = [
        Happened("kill infer", "infer-1", 0.0, 0.0, 3.0),
        Happened("kill infer", "infer-2", 5.0, 0.0, 1.0),
        Happened("stop <the server>", "server", 10.0, 4.0, 60.0),
    ]
    by_second = {("lobby", 0): 4, ("lobby", 1): 2, ("yard", 19): 1, ("yard", 25): 1}
    return Outcome(ledger, 20.0, happened, by_second=by_second)


def test_recovery_counts_kills_and_not_what_lasts(outcome: Outcome) -> None:
    assert outcome.kill_p95_s() == 3.0
    assert Outcome(Ledger()).kill_p95_s() == 0.0


def test_the_figures_are_json_and_the_table_names_each_camera_and_fault(outcome: Outcome) -> None:
    values = json.loads(json.dumps(report.values(outcome, seed=7)))
    assert (values["seed"], values["faults"], values["lost"], values["violations"]) == (7, 3, 1, 1)
    table = report.table(outcome)
    assert "| kill infer | 2 | 3.0 | 3.0 |" in table
    assert "| lobby | 0 |" in table


def test_the_timeline_has_a_bar_for_each_second_with_poses_within_the_drill(
    outcome: Outcome,
) -> None:
    root = ElementTree.fromstring(timeline.svg(outcome))
    space = "{http://www.w3.org/2000/svg}"
    titles = [title.text for title in root.iter(f"{space}title")]
    assert titles[2] == "stop <the server>: server, recovered in 60.0 s"
    bars = [bar for bar in root.iter(f"{space}rect") if bar.get("fill") == "#137cbd"]
    assert [bar.get("fill-opacity") for bar in bars] == ["1.00", "0.57", "1.00"]
    width = float(str(root.get("width")))
    for bar in root.iter(f"{space}rect"):
        if bar.get("x") is not None:
            assert float(str(bar.get("x"))) + float(str(bar.get("width"))) <= width
