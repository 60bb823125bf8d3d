"""A budget of bytes for the whole deployment: what follows from it, and who refuses which."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from roles import Pipeline, make_pipeline

from ghostpose.bus import Bus, EmbeddedServer, Full, budget, retention
from ghostpose.bus.budget import Budget, budget_for, frame_bytes, set_budget
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAXMEMORY_MB = 64


@pytest.fixture
def small_bus() -> Iterator[Bus]:
    with (
        EmbeddedServer(maxmemory_mb=MAXMEMORY_MB) as server,
        Bus.connect(server.url, partitions=4) as bus,
    ):
        yield bus


@given(
    planned=st.integers(10**7, 10**11),
    cameras=st.integers(0, 5000),
    partitions=st.integers(1, 64),
    frame=st.integers(10**3, 10**7),
)
def test_all_that_follows_from_a_budget_fits_it(
    planned: int, cameras: int, partitions: int, frame: int
) -> None:
    whole = Budget(planned, cameras, partitions)
    dead = whole.dead_kept * partitions * retention.DEAD_PAYLOAD_BYTES
    in_flight = whole.credit(frame) * frame if whole.credit(frame) > 1 else 0
    a_camera = in_flight + whole.poses_kept().bytes + whole.events_kept().bytes
    if whole.dead_kept > 1:
        assert dead <= planned / 8
        assert dead + cameras * a_camera <= planned


@given(cameras=st.integers(1, 500), credit=st.integers(1, 64), frame=st.integers(10**3, 10**7))
def test_the_budget_that_cuts_nothing_cuts_nothing(cameras: int, credit: int, frame: int) -> None:
    whole = Budget(budget_for(cameras * credit * frame, cameras, 16), cameras, 16)
    assert whole.credit(frame) >= credit
    assert whole.poses_kept() == retention.poses_kept()
    assert whole.events_kept() == retention.events_kept()


def test_a_frame_is_counted_at_its_larger_form() -> None:
    assert frame_bytes(80, 80, 10**6) == 10**6 + budget.ENTRY_BYTES
    assert frame_bytes(80, 80, 100) == 100 * 57 * 2 + budget.ENTRY_BYTES, "as float16 maps"


def test_without_a_budget_it_is_a_part_of_the_servers_maxmemory(small_bus: Bus) -> None:
    assert small_bus.budget.now().bytes == int(MAXMEMORY_MB * 2**20 * budget.OF_MAXMEMORY)
    small_bus.client.config_set("maxmemory", 0)
    with Bus.connect(small_bus.address) as later:
        assert later.budget.now().bytes == budget.DEFAULT_BUDGET_BYTES


def test_a_budget_larger_than_the_server_is_refused_in_one_sentence(small_bus: Bus) -> None:
    with pytest.raises(ConfigError, match=r"budget_mb 60 .*maxmemory of 67 MB leaves 53") as caught:
        set_budget(small_bus, 60)
    assert "\n" not in str(caught.value)
    set_budget(small_bus, 53)
    small_bus.client.config_set("maxmemory", 0)
    set_budget(small_bus, 10**6)


def test_a_server_that_evicts_is_told_of(small_bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    small_bus.client.config_set("maxmemory-policy", "allkeys-lru")
    with caplog.at_level(logging.WARNING):
        set_budget(small_bus, None)
    assert "allkeys-lru" in caplog.text
    assert "noeviction" in caplog.text


def test_a_running_deployment_goes_by_another_budget(
    small_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credit shrinks and grows without anybody being started again."""
    monkeypatch.setattr(budget, "ASK_EVERY_S", 0.0)
    pipeline = make_pipeline(small_bus, "lobby", credit=8)
    picture = samples.picture(1280, 720)
    assert not isinstance(pipeline.publisher.publish(samples.info(), picture), Full)
    set_budget(small_bus, 16)
    assert in_flight_when_full(pipeline, picture) == 1
    set_budget(small_bus, 40)
    assert in_flight_when_full(pipeline, picture) == 4


def in_flight_when_full(pipeline: Pipeline, picture: object) -> int:
    while not isinstance(pipeline.publisher.publish(samples.info(), picture), Full):
        pass
    return pipeline.bus.counters("lobby").in_flight


def test_more_cameras_share_the_same_bytes(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ASK_EVERY_S", 0.0)
    set_budget(bus, 100)
    for number in range(2):
        bus.register_camera(f"c{number}", policy="every", credit=4)
    of_two = bus.budget.now()
    for number in range(8):
        bus.register_camera(f"c{number}", policy="every", credit=4)
    of_eight = bus.budget.now()
    assert of_eight.credit(10**5) == of_two.credit(10**5) // 4
    assert of_eight.poses_kept().bytes == pytest.approx(of_two.poses_kept().bytes / 4, abs=1)


def test_results_are_trimmed_to_what_the_budget_leaves_them(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(retention, "POSES_KEPT_BYTES", 10**9)
    for number in range(99):
        bus.register_camera(f"c{number}", policy="every", credit=4)
    set_budget(bus, 16)
    pipeline = make_pipeline(bus, "lobby")
    for _ in range(350):
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()
    stream = bus.keys.poses("lobby")
    assert 100 <= bus.client.xlen(stream) < 300
    assert bus.counters("lobby").poses == 350


def test_who_comes_to_a_full_server_joins_it_and_may_lower_its_budget(small_bus: Bus) -> None:
    small_bus.client.setrange("ballast", MAXMEMORY_MB * 2**20, "x")
    with Bus.connect(small_bus.address) as later:
        set_budget(later, 16)
        assert later.budget.now().bytes == 16_000_000


def test_a_budget_is_kept_while_the_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ASK_EVERY_S", 0.0)
    with EmbeddedServer(maxmemory_mb=MAXMEMORY_MB) as server:
        bus = Bus.connect(server.url, timeout_s=0.1)
        set_budget(bus, 20)
        assert bus.budget.now().bytes == 20_000_000
    with bus:
        assert bus.budget.now().bytes == 20_000_000
