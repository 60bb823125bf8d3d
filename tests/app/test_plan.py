"""The capacity planner: its formulas, its command, and its unit costs held to the benchmark."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.capacity.costs import FrameCost, Kilobytes, UnitCosts, read_costs
from app.capacity.planner import Load, Plan, make_plan, sustained_fps
from app.cli.main import app
from ghostpose.errors import UserError

LATEST = Path(__file__).parents[2] / "benchmarks" / "results" / "latest.json"
SOURCE, NETWORK = (1280, 720), (656, 368)

COSTS = UnitCosts(
    machine="a bench",
    cores=2,
    precision="int8",
    source_px=SOURCE,
    network_px=NETWORK,
    frame_costs=(
        FrameCost(role="ingest", step="decoding", core_ms=2.0, grows_with="source"),
        FrameCost(role="ingest", step="coding", core_ms=1.0, grows_with="network"),
        FrameCost(role="inference", step="the network", core_ms=20.0, grows_with="network"),
        FrameCost(role="postprocess", step="grouping", core_ms=1.0, grows_with="network"),
        FrameCost(role="store", step="writing", core_ms=0.5, grows_with="frames"),
        FrameCost(role="server", step="steps", core_ms=0.25, grows_with="frames"),
    ),
    store_turns_ms=100,
    kilobytes=Kilobytes(frame=40, maps=10, pose=2, state=1),
    process_mb={"ingest": 100, "inference": 300, "postprocess": 200, "store": 100, "server": 10},
    beat_ms=0.05,
)

LOAD = Load(
    cameras=200, fps=10, source_px=SOURCE, network_px=NETWORK, cores_a_machine=16, share=0.7
)

loads = st.builds(
    Load,
    cameras=st.integers(1, 100_000),
    fps=st.floats(0.1, 60),
    source_px=st.just((1920, 1080)),
    network_px=st.tuples(st.integers(64, 2000), st.integers(64, 1000)),
    cores_a_machine=st.integers(1, 256),
    share=st.floats(0.1, 1),
    link_mbit=st.floats(100, 100_000),
    stored=st.booleans(),
)


def processes(plan: Plan) -> dict[str, int]:
    return {role.role: role.processes for role in plan.roles}


def test_a_plan_is_what_its_formulas_say() -> None:
    plan = make_plan(LOAD, COSTS)
    cores = {role.role: role.cores for role in plan.roles}
    assert cores == pytest.approx(
        {"ingest": 6, "inference": 40, "postprocess": 2, "store": 1.2, "server": 0.5}
    )
    assert plan.machines == math.ceil(49.7 / (16 * 0.7))
    # One store carries 1,400 frames/s: two deployments, each with a shard whose link carries 1,620.
    assert (plan.deployments, plan.shards, plan.partitions) == (2, 2, 16)
    assert plan.to_servers_mbit == pytest.approx(2000 * 53 * 0.008)
    assert plan.from_servers_mbit == pytest.approx(2000 * 54 * 0.008)
    assert processes(plan) == {
        "ingest": 200,
        "inference": 4,
        "postprocess": 3,
        "store": 2,
        "server": 2,
    }


def test_what_is_not_stored_costs_no_store() -> None:
    plan = make_plan(replace(LOAD, stored=False), COSTS)
    assert "store" not in processes(plan)
    assert plan.deployments == 1


def test_costs_grow_with_the_pixels_they_depend_on() -> None:
    larger = replace(LOAD, source_px=(2560, 1440), network_px=(656, 736))
    core_ms = {role.role: role.core_ms for role in make_plan(larger, COSTS).roles}
    assert core_ms == pytest.approx(
        {"ingest": 10, "inference": 40, "postprocess": 2, "store": 0.6, "server": 0.25}
    )


@given(loads)
def test_nothing_there_is_one_of_gets_more_than_it_carries(load: Load) -> None:
    plan = make_plan(load, COSTS)
    shard, link, *of_a_deployment = plan.limits
    a_shard = load.frames_per_s / plan.shards
    assert a_shard <= 1.000001 * min(shard.frames_per_s, link.frames_per_s)
    a_deployment = load.frames_per_s / plan.deployments
    assert all(a_deployment <= 1.000001 * limit.frames_per_s for limit in of_a_deployment)
    busy = sum(role.cores for role in plan.roles)
    assert busy <= 1.000001 * plan.machines * load.cores_a_machine * load.share
    assert 16 <= plan.partitions <= 1024


@given(loads, st.integers(1, 1000))
def test_more_cameras_never_need_less(load: Load, more: int) -> None:
    fewer, plan = (
        make_plan(replace(load, cameras=count), COSTS)
        for count in (load.cameras, load.cameras + more)
    )
    assert plan.machines >= fewer.machines
    assert plan.deployments >= fewer.deployments
    assert plan.memory_mb > fewer.memory_mb


def test_the_command_plans_by_the_costs_that_come_with_ghostpose() -> None:
    shown = CliRunner().invoke(app, ["plan", "--cameras", "200", "--fps", "10", "--height", "368"])
    assert shown.exit_code == 0, shown.output
    for word in ("2,000 frames/s", "machines", "Redis shards", "network", "memory", "inference"):
        assert word in shown.output


def test_the_command_plans_a_hundred_thousand_cameras_and_says_what_saturates_first() -> None:
    arguments = ["plan", "--cameras", "100000", "--fps", "5", "--cores", "64", "--json"]
    plan = json.loads(CliRunner().invoke(app, arguments).output)
    assert plan["frames_per_s"] == 500_000
    assert plan["machines"] > 10
    assert plan["saturates_first"] in {limit["what"] for limit in plan["limits"]}


def test_costs_are_read_from_a_benchmarks_results(tmp_path: Path) -> None:
    results = tmp_path / "latest.json"
    results.write_text(json.dumps({"ratios": {}, "unit_costs": COSTS.model_dump()}))
    assert read_costs(results) == COSTS


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "can't be read"), ("{", "is no JSON"), ("[]", "no unit costs"), ("{}", "machine")],
)
def test_a_file_without_costs_is_one_sentence(
    tmp_path: Path, content: str | None, says: str
) -> None:
    path = tmp_path / "costs.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=says):
        read_costs(path)


def test_the_prediction_for_the_machine_of_the_benchmark_is_near_what_it_measured() -> None:
    measured = json.loads(LATEST.read_bytes())["end_to_end"]["saturated"]["fps"]
    for costs in (read_costs(), read_costs(LATEST)):
        predicted = sustained_fps(costs, costs.source_px, costs.network_px, costs.cores)
        assert predicted == pytest.approx(measured, rel=0.2)
