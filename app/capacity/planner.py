"""The plan itself: pure functions of a load and of unit costs. docs/scaling.md has the formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from app.capacity.costs import Role
from ghostpose.bus.budget import IN_FLIGHT_SHARE, OF_MAXMEMORY, frame_bytes
from ghostpose.bus.connection import MAX_PARTITIONS
from ghostpose.bus.heartbeats import INTERVAL_S
from ghostpose.bus.retention import POSES_KEPT, POSES_KEPT_BYTES, POSES_KEPT_S
from ghostpose.types import DEFAULT_PARTITIONS

if TYPE_CHECKING:
    from app.capacity.costs import Size, UnitCosts

CREDIT: Final = 4
"""Frames that a camera may have in flight, as its settings say by default."""

BEATS_SHARE: Final = 0.1
"""What of one server's thread the news of processes may take: they all go to one hash slot."""

PARTITIONS_A_WORKER: Final = 2
"""So that cameras, which hashing spreads unevenly, load workers and shards about evenly."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Load:
    """What is wanted: so many cameras, and what machines there are for them.

    `share` of each core, of the servers' threads and of their links is planned with; `readers` read
    every pose message, the store apart.
    """

    cameras: int
    fps: float
    source_px: Size
    network_px: Size
    cores_a_machine: int
    share: float = 0.7
    link_mbit: float = 1000.0
    readers: int = 1
    stored: bool = True

    @property
    def frames_per_s(self) -> float:
        """Frames of all cameras."""
        return self.cameras * self.fps


@dataclass(frozen=True, slots=True)
class RolePlan:
    """One role's part of the plan; `cores` are what it keeps busy."""

    role: Role
    core_ms: float
    cores: float
    processes: int
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Limit:
    """What there is only one of: how many frames a second it carries, and how it is shared out."""

    what: str
    frames_per_s: float
    remedy: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What `load` needs. `to_servers_mbit` and `from_servers_mbit` are of all shards together."""

    load: Load
    roles: tuple[RolePlan, ...]
    limits: tuple[Limit, ...]
    deployments: int
    shards: int
    partitions: int
    machines: int
    to_servers_mbit: float
    from_servers_mbit: float

    @property
    def memory_mb(self) -> float:
        """Memory of all processes, the servers' data included."""
        return sum(role.memory_mb for role in self.roles)


def make_plan(load: Load, costs: UnitCosts) -> Plan:
    """Return what a load needs, by these costs."""
    core_ms = {role: costs.core_ms(role, load.source_px, load.network_px) for role in _roles(load)}
    sent, read = _frame_traffic(load, costs)
    limits = _limits(load, costs, core_ms, max(sent, read))
    of_a_shard, of_a_deployment = limits[:2], limits[2:]
    deployments = max(math.ceil(load.frames_per_s / one.frames_per_s) for one in of_a_deployment)
    carried = min(one.frames_per_s for one in of_a_shard)
    shards = deployments * math.ceil(load.frames_per_s / deployments / carried)
    cores = {role: load.frames_per_s * ms / 1000 for role, ms in core_ms.items()}
    if load.stored:
        cores["store"] += deployments * costs.store_turns_ms / 1000
    processes = {role: _processes(role, load, cores[role], shards, deployments) for role in cores}
    return Plan(
        load=load,
        roles=tuple(
            RolePlan(role, 1000 * cores[role] / load.frames_per_s, cores[role], processes[role],
                     _memory_mb(role, processes[role], load, costs))
            for role in cores
        ),
        limits=limits,
        deployments=deployments,
        shards=shards,
        partitions=_partitions(max(processes["postprocess"], shards) / deployments),
        machines=math.ceil(sum(cores.values()) / (load.cores_a_machine * load.share)),
        to_servers_mbit=load.frames_per_s * sent * 0.008,
        from_servers_mbit=load.frames_per_s * read * 0.008,
    )  # fmt: skip


def sustained_fps(costs: UnitCosts, source_px: Size, network_px: Size, cores: int) -> float:
    """Return the frames a second that so many cores carry when nothing of them is left idle."""
    whole_ms = sum(costs.core_ms(role, source_px, network_px) for role in ROLES)
    return (1000 * cores - costs.store_turns_ms) / whole_ms


def _roles(load: Load) -> tuple[Role, ...]:
    return tuple(role for role in ROLES if load.stored or role != "store")


def _frame_traffic(load: Load, costs: UnitCosts) -> tuple[float, float]:
    """Return the kilobytes that go to the server for one frame, and those that are read of it."""
    pixels = load.network_px[0] * load.network_px[1]
    larger = pixels / (costs.network_px[0] * costs.network_px[1])
    size = costs.kilobytes
    passed_on = larger * (size.frame + size.maps)
    read = passed_on + size.pose * (load.readers + load.stored)
    return passed_on + size.pose + size.state, read


def _limits(
    load: Load, costs: UnitCosts, core_ms: dict[Role, float], kilobytes: float
) -> tuple[Limit, ...]:
    """Return what there is one of: of a shard's thread and link, of a deployment's the others."""
    beating = 1000 * load.share * BEATS_SHARE * INTERVAL_S / costs.beat_ms
    limits = [
        Limit("one Redis server's thread", 1000 * load.share / core_ms["server"],
              "more shards: Redis Cluster moves partitions, which are hash slots"),
        Limit("its network link", 1000 * load.link_mbit * load.share / (8 * kilobytes),
              "more shards, as for its thread"),
        Limit("the news of cameras' processes", beating * load.fps,
              "more deployments: cameras are shared out by site, each with its own servers"),
        Limit("partitions", MAX_PARTITIONS * 1000 * load.share / core_ms["postprocess"],
              "more deployments"),
    ]  # fmt: skip
    if load.stored:
        one = 1000 * load.share / core_ms["store"]
        limits.append(Limit("one store's process", one, "more deployments, a database each"))
    return tuple(limits)


def _processes(role: Role, load: Load, cores: float, shards: int, deployments: int) -> int:
    """Return how many processes a role has: a camera's its own, a shard's, a deployment's store."""
    if role == "ingest":
        return load.cameras
    if role == "server":
        return shards
    if role == "store":
        return deployments
    if role == "inference":  # takes all cores of a machine
        return math.ceil(cores / (load.cores_a_machine * load.share))
    return math.ceil(cores / load.share)


def _memory_mb(role: Role, processes: int, load: Load, costs: UnitCosts) -> float:
    """Return a role's memory; the servers' is their `maxmemory` with which nothing is cut short."""
    if role != "server":
        return processes * costs.process_mb[role]
    width, height = load.network_px
    picture = costs.kilobytes.frame * 1000 * width * height
    in_flight = CREDIT * frame_bytes(
        width, height, round(picture / (costs.network_px[0] * costs.network_px[1]))
    )
    pose_bytes = 1000 * costs.kilobytes.pose
    results = min(POSES_KEPT_BYTES, POSES_KEPT * pose_bytes, POSES_KEPT_S * load.fps * pose_bytes)
    budget = load.cameras * max(in_flight / IN_FLIGHT_SHARE, results / (1 - IN_FLIGHT_SHARE))
    return budget / OF_MAXMEMORY / 1e6


def _partitions(sharing: float) -> int:
    """Return how many partitions to make a deployment with, for so many who share them."""
    wanted = max(DEFAULT_PARTITIONS, PARTITIONS_A_WORKER * sharing)
    return min(MAX_PARTITIONS, 1 << math.ceil(math.log2(wanted)))
