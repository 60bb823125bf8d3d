"""Consumers that share the work: each record to one of them, none lost with one that dies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import redis
from streams_written import add_camera, add_event, add_poses, story
from waiting import wait_until

from ghostpose.client import Area, PoseGroup, Record, Where
from ghostpose.errors import BusUnavailableError, InvalidValueError
from ghostpose.types import EventMessage

if TYPE_CHECKING:
    from ghostpose.bus import Bus, EmbeddedServer

GROUP = "billing"


@pytest.fixture(autouse=True)
def cameras_are_looked_for_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghostpose.client.sharing.DISCOVERY_S", 0.02)


@pytest.fixture
def url(server: EmbeddedServer, bus: Bus) -> str:
    add_camera(bus, "lobby")
    return server.url


until = partial(wait_until, limit_s=60.0)


def members_of(bus: Bus) -> list[str]:
    rows = bus.client.xinfo_consumers(bus.keys.poses("lobby"), GROUP)
    return [row["name"].decode() for row in rows]


def pending(bus: Bus) -> int:
    return bus.client.xpending(bus.keys.poses("lobby"), GROUP)["pending"]


def test_each_record_goes_to_one_of_those_who_share(bus: Bus, url: str) -> None:
    with PoseGroup(url, GROUP) as one, PoseGroup(url, GROUP) as other:
        add_poses(bus, "lobby", range(8))
        first, second = one.read(5, count=3), other.read(5, count=100)
        assert story(first) == ["pose 0", "pose 1", "pose 2"]
        assert story(second) == [f"pose {seq}" for seq in range(3, 8)]
        one.acknowledge(first)
        other.acknowledge(second)
        assert pending(bus) == 0
        assert one.read(0) == other.read(0) == []


def test_a_group_goes_on_where_it_stopped_and_keeps_its_place_while_nobody_reads(
    bus: Bus, url: str
) -> None:
    with PoseGroup(url, GROUP) as group:
        add_poses(bus, "lobby", range(2))
        group.acknowledge(group.read(5))
    assert members_of(bus) == []
    add_poses(bus, "lobby", range(2, 4))
    with PoseGroup(url, GROUP) as group:
        assert story(group.read(5)) == ["pose 2", "pose 3"]


@pytest.mark.parametrize(("start", "told"), [("begin", ["pose 0"]), ("now", [])])
def test_a_new_group_begins_where_it_is_told(
    bus: Bus, url: str, start: str, told: list[str]
) -> None:
    add_poses(bus, "lobby", range(1))
    with PoseGroup(url, GROUP, start=start) as group:
        assert story(group.read(0)) == told


def test_what_a_member_that_died_had_goes_to_another(bus: Bus, url: str) -> None:
    killed = PoseGroup(url, GROUP)  # and never closed, as a killed process
    add_poses(bus, "lobby", range(4))
    handled = killed.read(5)
    killed.acknowledge(handled[:1])
    with PoseGroup(url, GROUP, claim_after_s=0.1) as heir:
        records: list[Record] = []
        until(lambda: records.extend(heir.read(0.05)) or len(records) >= 3, "they are claimed")
        assert story(records) == ["pose 1", "pose 2", "pose 3"]
        heir.acknowledge(records)
        assert pending(bus) == 0


def test_a_slow_member_does_not_claim_what_it_has_in_hand(bus: Bus, url: str) -> None:
    with PoseGroup(url, GROUP, claim_after_s=0.01) as group:
        add_poses(bus, "lobby", range(2))
        records = group.read(5)
        for _ in range(5):
            assert group.read(0.02) == []
        group.acknowledge(records)
        assert pending(bus) == 0


def test_what_was_lent_by_a_reply_that_was_lost_is_read_again(bus: Bus, url: str) -> None:
    with PoseGroup(url, GROUP, claim_after_s=0.1) as group:
        assert group.read(0) == []
        add_poses(bus, "lobby", range(2))
        streams = {bus.keys.poses("lobby"): ">"}
        bus.client.xreadgroup(GROUP, group._sharing._member, streams)  # nobody gets the answer
        records: list[Record] = []
        until(lambda: records.extend(group.read(0.05)) or len(records) >= 2, "they come again")
        assert story(records) == ["pose 0", "pose 1"]


def test_a_record_is_acknowledged_when_the_next_one_is_asked_for(bus: Bus, url: str) -> None:
    add_poses(bus, "lobby", range(3))
    with PoseGroup(url, GROUP, start="begin") as group:
        records = iter(group)
        next(records)
        assert pending(bus) == 3
        next(records)
        assert pending(bus) == 2
    assert len(members_of(bus)) == 1, "who leaves something behind stays on the list"


def test_who_leaves_the_loop_by_an_exception_gets_what_was_not_handled_again(
    bus: Bus, url: str
) -> None:
    add_poses(bus, "lobby", range(3))
    with PoseGroup(url, GROUP, start="begin") as group:
        with pytest.raises(ZeroDivisionError):
            for record in group:
                assert 1 / (record.message.seq - 1)
        assert story(group.read(5)) == ["pose 1", "pose 2"]


def test_a_read_that_ends_while_it_puts_aside_what_is_not_wanted_loses_nothing(
    bus: Bus, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PoseGroup(url, GROUP, where=Where(since=1.7e9 + 0.05)) as group:
        add_poses(bus, "lobby", range(3))
        with monkeypatch.context() as broken:
            broken.setattr("redis.Redis.xack", _raise_busy)
            with pytest.raises(BusUnavailableError):
                group.read(5)
        assert story(group.read(5)) == ["pose 1", "pose 2"]


def _raise_busy(*_: object) -> None:
    raise redis.BusyLoadingError


def test_cameras_come_and_go_while_a_group_reads(bus: Bus, url: str) -> None:
    with PoseGroup(url, GROUP) as group:
        add_poses(bus, "lobby", range(1))
        lobby = group.read(5)
        add_camera(bus, "yard")
        add_poses(bus, "yard", range(1))
        yard: list[Record] = []
        until(lambda: yard.extend(group.read(0.05)) or yard, "the new camera is read")
        assert [record.camera for record in yard] == ["yard"]
        bus.client.hdel("ghostpose:cameras", "lobby")
        until(lambda: group.read(0.03) or tuple(group._sharing.entries) == ("yard",), "it is gone")
        group.acknowledge([*lobby, *yard])
        assert pending(bus) == 0


def test_only_what_is_wanted_is_lent_out(bus: Bus, url: str) -> None:
    where = Where(area=Area.box(0, 0, 10, 10), since=1.7e9 + 0.15)
    with PoseGroup(url, GROUP, ["lobby"], where=where) as group:
        add_poses(bus, "lobby", range(3))
        add_event(bus, EventMessage("fall", "lobby", 7, 2, {"foot": [50, 50], "track": "lobby-1"}))
        (record,) = group.read(5)
        assert story([record]) == ["pose 2"]
        assert record.message.people == ()
        assert pending(bus) == 1


def test_what_cannot_be_decoded_is_counted_and_done_with(bus: Bus, url: str) -> None:
    with PoseGroup(url, GROUP) as group:
        bus.client.xadd(bus.keys.poses("lobby"), {"d": "{}", "p": 1})
        add_poses(bus, "lobby", range(1))
        assert story(group.read(5)) == ["pose 0"]
        assert group.undecodable == 1
        assert pending(bus) == 1


def test_a_group_goes_on_after_the_server_lost_its_memory(bus: Bus, url: str) -> None:
    with PoseGroup(url, GROUP) as group:
        assert group.read(0) == []
        bus.client.flushall()
        add_camera(bus, "lobby")
        add_poses(bus, "lobby", range(2))
        records: list[Record] = []
        until(lambda: records.extend(group.read(0.05)) or len(records) >= 2, "they are read")
        assert story(records) == ["pose 0", "pose 1"]


def test_members_that_were_killed_long_ago_are_forgotten(
    bus: Bus, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    PoseGroup(url, GROUP).read(0)
    assert len(members_of(bus)) == 1
    monkeypatch.setattr("ghostpose.client.sharing.FORGET_AFTER_S", 0.0)
    with PoseGroup(url, GROUP) as group:
        group.read(0)
        assert members_of(bus) == [group._sharing._member]


@pytest.mark.parametrize("name", ["", "store"])
def test_a_name_that_is_taken_is_one_sentence(url: str, name: str) -> None:
    with pytest.raises(InvalidValueError, match="taken by ghostpose itself"):
        PoseGroup(url, name)


def test_no_server_is_one_sentence() -> None:
    with pytest.raises(BusUnavailableError, match="No Redis server answers"):
        PoseGroup("redis://127.0.0.1:1", GROUP, timeout_s=0.1)
