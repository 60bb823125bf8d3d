"""Reports: the right figures, in a page that stands alone."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from datetime import datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from job_support import BEGIN, EVENTS, FIRST, Command

from app.jobs.report.chart import RIGHT, WIDTH, people_chart
from app.jobs.report.figures import (
    Figures,
    figures,
    happened_in,
    lengths_counted,
    stays_of,
    stretch_for,
)
from app.jobs.report.page import duration
from ghostpose.types import PoseMessage
from postprocess.store import Batch, open_database, write_batch
from postprocess.store.results import PeopleCount, StoredTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def track(number: int, length_s: float) -> StoredTrack:
    return StoredTrack("hall", number, FIRST, 0, 9, BEGIN, BEGIN + length_s)


def sample(counts: list[PeopleCount], length_s: float = 100.0) -> Figures:
    tracks = [track(1, 2.0), track(2, 20.0), track(3, 400.0)]
    return figures("hall", BEGIN, BEGIN + length_s, counts, tracks, EVENTS)


COUNTS = [
    PeopleCount(BEGIN, 10, 1.0, 2),
    PeopleCount(BEGIN + 1, 30, 3.0, 4),
    PeopleCount(BEGIN + 9, 10, 0.0, 0),
]


def test_the_mean_is_over_frames_and_the_most_over_all() -> None:
    found = sample(COUNTS)
    assert (found.frames, found.mean, found.most) == (50, 2.0, 4)
    assert (found.tracks, found.median_s) == (3, 20.0)
    assert [one.number for one in found.longest] == [3, 2, 1]
    assert list(found.by_length) == [1, 0, 1, 0, 1]


def test_lengths_are_counted_from_each_bound_on() -> None:
    assert lengths_counted([0, 4.9, 5, 14, 15, 59, 60, 299, 300, 9999]) == (2, 2, 2, 2, 2)


def test_stays_are_of_those_who_came_and_left() -> None:
    (till,) = stays_of(EVENTS)
    assert (till.zone, till.count) == ("till", 1)
    assert (till.median_s, till.longest_s) == pytest.approx((2.7, 2.7))


def test_events_are_counted_by_kind_and_place() -> None:
    found = [(one.kind, one.place, one.count) for one in happened_in(EVENTS)]
    assert found == [
        ("cross", "entrance in", 1),
        ("enter", "till", 1),
        ("fall", "", 1),
        ("leave", "till", 1),
    ]


@pytest.mark.parametrize(("length_s", "stretch_s"), [(1, 1), (200, 1), (201, 2), (86_400, 600)])
def test_a_chart_has_at_most_two_hundred_stretches(length_s: float, stretch_s: float) -> None:
    assert stretch_for(length_s) == stretch_s


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.44, "0.4 s"),
        (5, "5 s"),
        (12.4, "12 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
    ],
)
def test_lengths_of_time_are_written_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_stretches_without_frames_are_gaps_in_the_chart() -> None:
    chart = ET.fromstring(people_chart(sample(COUNTS)))
    lines = [element for element in chart if element.get("class") == "most"]
    assert len(lines) == 2
    words = [element.text for element in chart if element.tag == "text"]
    assert {"0", "1", "2", "3", "4"} <= set(words)


@pytest.mark.parametrize("length_s", [0.5, 7, 100, 3000, 86_400, 30 * 86_400])
def test_a_chart_of_any_length_has_a_few_times_below_it(length_s: float) -> None:
    chart = ET.fromstring(people_chart(sample([PeopleCount(BEGIN, 1, 1.0, 1)], length_s)))
    times = [one.text for one in chart if one.tag == "text" and one.get("text-anchor") == "middle"]
    assert len(times) <= 12
    assert times or length_s < 1
    assert len(set(times)) == len(times)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set this process's time zone."""

    def set_to(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


def test_days_below_a_chart_begin_at_midnight_after_the_clocks_were_changed(
    zone: Callable[[str], None],
) -> None:
    zone("CET-1CEST,M3.5.0,M10.5.0/3")
    first, fifth = (datetime(2023, 10, day).timestamp() for day in (27, 31))
    assert fifth - first == 4 * 86_400 + 3600
    counts = [PeopleCount(first, 1, 1.0, 1)]
    chart = ET.fromstring(people_chart(figures("hall", first, fifth, counts, [], [])))
    words = [one for one in chart if one.get("text-anchor") == "middle"]
    assert [one.text for one in words] == [*["00:00", "12:00"] * 4, "00:00"]
    assert words[-1].get("x") == f"{WIDTH - RIGHT:.1f}", "the last day ends with the chart"


class Links(HTMLParser):
    """Collects what a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe"):
            self.found.append(tag)
        self.found += [name for name, _ in attrs if name in ("src", "href")]


def test_a_page_about_a_session_stands_alone(
    store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    output = tmp_path / "hall.html"
    chosen = ("--camera", "hall", "--session", str(FIRST), "--output", output)
    told = json.loads(ghostpose("report", "--store", store_url, *chosen, "--json"))
    assert (told["frames"], told["most"], told["tracks"], told["events"]) == (40, 2, 2, 4)
    text = output.read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert links.found == []
    for words in ("hall-1", "entrance in", "till", "<svg", "fall"):
        assert words in text


def test_a_day_is_one_of_this_machines_time_zone(
    store_url: str, ghostpose: Command, tmp_path: Path, zone: Callable[[str], None]
) -> None:
    zone("EAST-12")  # where the frames of 22:13 UTC are of the next day
    output = tmp_path / "hall.html"
    common = ("report", "--camera", "hall", "--store", store_url, "--output", output, "--day")
    ghostpose(*common, "2023-11-15")
    assert "2023-11-15 00:00:00 to 2023-11-16 00:00:00" in output.read_text(encoding="utf-8")
    assert "no poses of hall, from 2023-11-14" in ghostpose(*common, "2023-11-14", code=2)


def test_a_recording_that_was_analysed_twice_is_not_counted_twice(
    ghostpose: Command, tmp_path: Path
) -> None:
    url, output = f"sqlite:///{tmp_path / 'poses.sqlite'}", tmp_path / "hall.html"
    engine = open_database(url)
    again = [
        PoseMessage("hall", session, seq, BEGIN + seq, float(seq), 640, 480, ())
        for session in (1, 2)
        for seq in range(5)
    ]
    with engine.begin() as connection:
        write_batch(connection, Batch(again))
    engine.dispose()
    common = ("report", "--store", url, "--output", output)
    assert "1 and 2 are of the same time" in ghostpose(*common, code=2)
    assert json.loads(ghostpose(*common, "--session", "2", "--json"))["frames"] == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param([], "choose by --camera one of door, hall", id="two cameras"),
        pytest.param(["--camera", "attic"], "no camera 'attic'", id="unknown"),
        pytest.param(["--day", "today"], "this is no day", id="no day"),
        pytest.param(["--day", "2026-01-01", "--since", "2026-01-01"], "--day is a", id="both"),
    ],
)
def test_a_mistake_is_one_sentence(
    options: list[str], words: str, store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    output = tmp_path / "hall.html"
    said = ghostpose("report", "--store", store_url, "--output", output, *options, code=2)
    assert words in said
    assert len(said.splitlines()) == 1
    assert not output.exists()
