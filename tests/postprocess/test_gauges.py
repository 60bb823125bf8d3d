"""What a post-processing worker says of its partitions, and of those that it gave back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY
from roles import make_pipeline

from postprocess.gauges import ServerGauges

if TYPE_CHECKING:
    from ghostpose.bus import Bus


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"ghostpose_{name}", labels)


def test_lag_dead_letters_and_memory_are_told_by_whoever_holds_the_partition(bus: Bus) -> None:
    pipeline = make_pipeline(bus, "lobby")
    pipeline.publish(4)
    buried, done, *_ = pipeline.frames.take(2, 0)
    pipeline.frames.bury(buried, "poison", "tested")
    pipeline.finish(done)
    partition = str(pipeline.partition)
    gauges = ServerGauges(bus)
    gauges.note([pipeline.partition])
    assert value("waiting_entries", stream="frames", partition=partition) == 2
    assert value("waiting_entries", stream="maps", partition=partition) == 2
    assert value("dead_letters", partition=partition) == 1
    used, limit = (value("server_memory_bytes", what=what) for what in ("used", "limit"))
    assert used is not None
    assert limit == 256 * 2**20
    assert 0 < used < limit
    gauges.note([])
    assert value("waiting_entries", stream="frames", partition=partition) == 0
    assert value("dead_letters", partition=partition) == 0
