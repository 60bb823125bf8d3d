"""Ingest processes that share the registry's cameras, started, killed and stopped for real."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest
from registry_ingest import Ingest, add, change, holders, sessions, wait_for_frames
from waiting import running_time, wait_until

from ghostpose.bus import Registry
from ghostpose.bus.camera_leases import read_camera_leases

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest_fakes import Consumer

    from ghostpose.bus import Bus


pytestmark = pytest.mark.timeout(180)


def test_the_cameras_of_a_machine_that_dies_are_played_elsewhere_within_15_seconds(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    first, names = start(), [f"cam-{k}" for k in range(4)]
    for name in names:
        add(bus, name)
    wait_for_frames(consumer, *names)
    start()
    wait_until(lambda: len(set(holders(bus).values())) == 2, "sharing between two", limit_s=60)
    wait_for_frames(consumer, *names)
    of_first = [n for n, owner in holders(bus).items() if f"-{first.process.pid}-" in owner]
    before = {name: sessions(consumer, name)[-1] for name in of_first}
    assert 0 < len(of_first) < 4

    first.kill_all()
    with running_time() as running_s:
        consumer.wait_for(
            lambda: all(sessions(consumer, name)[-1] > before[name] for name in of_first),
            "new sessions of the dead machine's cameras",
        )
        assert running_s() < 15
    wait_for_frames(consumer, *names)


def test_what_a_camera_takes_of_the_processor_is_measured_and_kept_in_its_lease(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    ingest = start()
    add(bus, "small")
    add(bus, "large", source="pattern:width=1280&height=720&fps=25", height=720)

    def costs() -> dict[str, float]:
        return {name: lease.cost for name, lease in read_camera_leases(bus).items()}

    wait_until(lambda: len(costs()) == 2 and min(costs().values()) > 0, "both costs", limit_s=60)
    wait_until(lambda: costs()["large"] > 2 * costs()["small"], "the larger one's cost", limit_s=60)
    known = costs()
    assert ingest.stop() == 0
    assert costs()["large"] == pytest.approx(known["large"], rel=0.5), "the next one begins with it"


def test_a_stopped_ingest_gives_its_cameras_to_others_at_once(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    first = start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    start()
    wait_until(
        lambda: len([b for b in bus.workers() if b.role == "supervisor"]) == 2, "a second ingest"
    )
    (session,) = sessions(consumer, "door")
    assert first.stop() == 0
    of_first = f"-{first.process.pid}-"
    assert of_first not in holders(bus).get("door", ""), "though its lease would last for longer"
    consumer.wait_for(lambda: sessions(consumer, "door")[-1] > session, "a new session")
    assert [end.id.session for end in consumer.ends] == [session], "the old one ended in order"


def test_a_paused_ingest_loses_its_camera_and_never_plays_it_beside_the_other(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    first = start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    second = start()
    wait_until(
        lambda: len([b for b in bus.workers() if b.role == "supervisor"]) == 2, "a second ingest"
    )
    os.killpg(first.process.pid, signal.SIGSTOP)
    wait_until(
        lambda: f"-{second.process.pid}-" in holders(bus).get("door", ""), "the other takes over"
    )
    consumer.wait_for(lambda: len(sessions(consumer, "door")) == 2, "a new session")
    os.killpg(first.process.pid, signal.SIGCONT)
    wait_for_frames(consumer, "door")
    newest = sessions(consumer, "door")[-1]
    came = [frame.id.session for frame in consumer.frames if frame.id.camera == "door"]
    assert came == sorted(came), "nothing of the old session after the new one began"
    assert came[-1] == newest


def test_a_recording_that_another_took_over_from_a_paused_ingest_has_not_ended(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    first = start()
    add(bus, "clip", policy="every")
    wait_for_frames(consumer, "clip")
    second = start()
    wait_until(
        lambda: len([b for b in bus.workers() if b.role == "supervisor"]) == 2, "a second ingest"
    )
    # Its cameras' processes go on, and learn that they are superseded.
    first.process.send_signal(signal.SIGSTOP)
    wait_until(
        lambda: f"-{second.process.pid}-" in holders(bus).get("clip", ""), "the other takes over"
    )
    consumer.wait_for(lambda: len(sessions(consumer, "clip")) == 2, "a new session")
    wait_until(
        lambda: sum("-clip-" in beat.worker for beat in bus.workers()) == 1, "the former one's end"
    )
    before = beats_of(bus, first)
    first.process.send_signal(signal.SIGCONT)
    wait_until(lambda: beats_of(bus, first) > before, "the first one's next look at its leases")
    wait_for_frames(consumer, "clip")
    assert Registry(bus).read().ended == {}
    assert len(sessions(consumer, "clip")) == 2


def beats_of(bus: Bus, ingest: Ingest) -> float:
    """Return when an ingest was last heard of; 0: not for long."""
    return max((b.at for b in bus.workers() if b.pid == ingest.process.pid), default=0.0)


def play_havoc(running: list[Ingest], start: Callable[[], Ingest], rng: random.Random) -> None:
    """Do something to one of the ingest processes; there are at most three."""
    alive = [ingest for ingest in running if ingest.process.poll() is None]
    what = rng.choice(["kill", "pause", "go on", "stop", "start", "start"])
    if what == "start" or not alive:
        if len(alive) < 3:
            running.append(start())
        return
    victim = rng.choice(alive)
    if what == "kill":
        victim.kill_all()
    elif what == "stop":
        victim.process.send_signal(signal.SIGTERM)
    else:
        number = signal.SIGSTOP if what == "pause" else signal.SIGCONT
        os.killpg(victim.process.pid, number)


def test_whatever_happens_sessions_never_mix_and_all_cameras_are_played_in_the_end(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    names, rng, running = [f"cam-{k}" for k in range(4)], random.Random(5), [start(), start()]
    for name in names:
        add(bus, name)
    wait_for_frames(consumer, *names)
    for _ in range(10):
        play_havoc(running, start, rng)
        time.sleep(rng.uniform(0.5, 3.0))  # not a wait for anything, but the time between two blows
    for ingest in running:
        if ingest.process.poll() is None:
            os.killpg(ingest.process.pid, signal.SIGCONT)
    running.append(start())
    wait_for_frames(consumer, *names, limit_s=60)
    for name in names:
        came = [(f.id.session, f.id.seq) for f in consumer.frames if f.id.camera == name]
        assert came == sorted(set(came))
        for session in sessions(consumer, name):
            seqs = [seq for owner, seq in came if owner == session]
            assert seqs == list(range(len(seqs)))


def test_a_camera_of_another_host_is_not_played_here(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "usb", host="elsewhere")
    add(bus, "door")
    wait_for_frames(consumer, "door")
    assert holders(bus).keys() == {"door"}
    change(bus, "door", host="elsewhere")
    wait_until(lambda: holders(bus) == {}, "giving the door back")
