"""Who plays which camera: one at a time, and by the server's clock."""

from __future__ import annotations

import pytest
from waiting import wait_until

from ghostpose.bus import Bus, CameraLeases, Registry
from ghostpose.bus.camera_leases import read_camera_leases
from ghostpose.config import CameraConfig


@pytest.fixture
def one(bus: Bus) -> CameraLeases:
    return CameraLeases(bus, "one", ttl_s=30)


@pytest.fixture
def other(bus: Bus) -> CameraLeases:
    return CameraLeases(bus, 'oth"er', ttl_s=30)


def test_a_camera_has_one_holder_at_a_time(one: CameraLeases, other: CameraLeases) -> None:
    tokens = one.take({"door": 0, "hall": 0})
    assert tokens.keys() == {"door", "hall"}
    assert other.take({"door": 0, "yard": 0}).keys() == {"yard"}
    assert one.renew(tokens, {}) == []


def test_what_is_given_back_is_free_at_once_and_its_cost_is_remembered(
    one: CameraLeases, other: CameraLeases, bus: Bus
) -> None:
    Registry(bus).add(CameraConfig(name="door", source="pattern:"))
    tokens = one.take({"door": 0})
    one.renew(tokens, {"door": 0.25})
    one.release("door", tokens["door"], 0.25)
    lease = read_camera_leases(bus)["door"]
    assert (lease.owner, lease.until_ms, lease.cost) == ("one", 0, 0.25)
    (taken,) = other.take({"door": lease.cost}).values()
    assert taken > tokens["door"]
    assert read_camera_leases(bus)["door"].owner == 'oth"er'


def test_a_lease_that_ran_out_is_anybodys_and_the_former_holder_learns_it(
    bus: Bus, other: CameraLeases
) -> None:
    brief = CameraLeases(bus, "brief", ttl_s=0.05)
    tokens = brief.take({"door": 0, "hall": 0})
    assert wait_until(lambda: other.take({"door": 0}), "the lease's end")
    assert brief.renew(tokens, {}) == ["door"], "nobody took the hall"
    brief.release("door", tokens["door"], 0)
    assert read_camera_leases(bus)["door"].owner == 'oth"er'


def test_the_lease_of_a_camera_that_is_gone_is_forgotten(one: CameraLeases, bus: Bus) -> None:
    tokens = one.take({"door": 0})
    one.release("door", tokens["door"], 0)
    assert read_camera_leases(bus) == {}


def test_a_row_that_is_no_lease_is_free(one: CameraLeases, bus: Bus) -> None:
    bus.client.hset("ghostpose:{registry}:leases", "door", "nonsense")
    assert read_camera_leases(bus) == {}
    assert one.take({"door": 0})
