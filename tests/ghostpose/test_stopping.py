"""An event that handlers of signals set, whatever they interrupt."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import waiting

from ghostpose import stopping
from ghostpose.stopping import STOP_SIGNALS, StopEvent, stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 60.0

HANGS_S = 2.0
"""A plain event that has not gone on after this time hangs."""


def interrupted(step: int, work: Callable[[], object], handler: Callable[[], object]) -> bool:
    """Do `work`, and `handler` before its step (a byte code) of this number; False: it has fewer.

    So Python calls handlers of signals: in the same thread, between two steps.
    """
    steps, handled = itertools.count(), []

    def trace(frame: Any, event: str, _: object) -> object:
        frame.f_trace_opcodes = True
        if event == "opcode" and next(steps) == step:
            handled.append(handler())
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return bool(handled)


METHODS: dict[str, Callable[[threading.Event], object]] = {
    "wait": lambda event: event.wait(0.002),
    "set": lambda event: event.set(),
    "is_set": lambda event: event.is_set(),
}


def survives(make: type[threading.Event], method: str, limit_s: float) -> bool:
    """Whether each step of a method can be interrupted by a handler that sets the event."""
    sets: list[bool] = []

    def interrupt_each_step() -> None:
        for step in itertools.count():
            event = make()
            other = threading.Thread(target=event.wait, daemon=True)
            other.start()
            if not interrupted(step, partial(METHODS[method], event), event.set):
                event.set()
                sets.append(step > 0)
                return
            other.join()

    thread = threading.Thread(target=interrupt_each_step, daemon=True)
    thread.start()
    thread.join(limit_s)
    return sets == [True]


@pytest.mark.parametrize("method", METHODS)
def test_a_handler_may_set_it_at_every_step_of_every_method(method: str) -> None:
    assert survives(StopEvent, method, LIMIT_S)


@pytest.mark.parametrize("method", ["wait", "set"])
def test_a_handler_that_sets_a_plain_event_can_hang(method: str) -> None:
    """So the test above would notice."""
    assert not survives(threading.Event, method, HANGS_S)


STORM = """
import threading
from ghostpose.stopping import stop_on_signals

with stop_on_signals():
    print("ready", flush=True)
    for _ in range(3000):
        with stop_on_signals() as stop:
            thread = threading.Thread(target=stop.wait)
            thread.start()
            stop.wait(0.0001)
            stop.set()
            thread.join()
            assert stop.is_set()
    print("done", flush=True)
"""


wait_until = partial(waiting.wait_until, what="what this test waits for", limit_s=LIMIT_S)


def start(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_storm_of_signals_holds_nothing_up() -> None:
    process, said = start(STORM), list[str]()
    out = process.stdout
    assert out is not None
    listener = threading.Thread(target=lambda: said.append(out.readline()))
    listener.start()
    numbers, until_s = itertools.cycle(STOP_SIGNALS), time.monotonic() + LIMIT_S
    while listener.is_alive() and time.monotonic() < until_s:
        process.send_signal(next(numbers))
        time.sleep(0.00002)
    process.kill()
    listener.join()
    assert said == ["done\n"]


ELSEWHERE = """
import signal, threading
from ghostpose.stopping import stop_on_signals

threading.Thread(target=threading.Event().wait, daemon=True).start()
with stop_on_signals() as stop:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # in this thread only
    print("ready", flush=True)
    stop.wait()
"""


def test_a_signal_that_another_thread_takes_wakes_the_main_thread() -> None:
    process = start(ELSEWHERE)
    try:
        process.terminate()
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()


FORKED = """
import os, sys
from ghostpose.stopping import StopEvent

print("ready", flush=True)
stop = StopEvent()
child = os.fork()
if not child:
    stop.set()
    os._exit(0 if stop.wait(60) else 1)
assert os.waitpid(child, 0)[1] == 0
sys.exit(stop.wait(0.01))
"""


def test_a_forked_process_stops_by_itself() -> None:
    process = start(FORKED)
    try:
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()


MANY = """
import resource
from ghostpose.stopping import StopEvent

resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
events = [StopEvent() for _ in range(2000)]
assert not any(event.wait(0.00001) for event in events)
print("ready", flush=True)
"""


def test_thousands_of_events_need_no_descriptors() -> None:
    assert start(MANY).wait(LIMIT_S) == 0


def test_all_who_wait_are_woken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "LOOK_UP_EVERY_S", 2 * LIMIT_S)  # nobody wakes by himself
    event, answers = StopEvent(), list[bool]()

    def wait(timeout_s: float | None) -> None:
        answers.append(event.wait(timeout_s))

    timeouts = [None, 2 * LIMIT_S, 1e300, None, 2 * LIMIT_S, 1e300]
    threads = [threading.Thread(target=wait, args=(each,), daemon=True) for each in timeouts]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(event._alarms) == len(timeouts))
    event.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert answers == [True] * len(timeouts)


@pytest.mark.parametrize("timeout_s", [0, 0.0, -1, -0.5, 0.05, 0.7])
def test_a_wait_ends_after_its_timeout(timeout_s: float) -> None:
    began_s = time.monotonic()
    assert StopEvent().wait(timeout_s) is False
    assert time.monotonic() - began_s >= timeout_s


@pytest.mark.parametrize("timeout_s", [None, 0, -1, 5, 1e300])
def test_what_is_set_is_not_waited_for(timeout_s: float | None) -> None:
    event = StopEvent()
    assert (event.is_set(), repr(event)) == (False, "<StopEvent: unset>")
    event.set()
    event.set()
    assert event.wait(timeout_s) is True
    assert (event.is_set(), repr(event)) == (True, "<StopEvent: set>")


def test_it_can_not_be_cleared() -> None:
    event = StopEvent()
    event.set()
    with pytest.raises(RuntimeError, match="can't be cleared"):
        event.clear()
    assert event.is_set()


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_each_stop_signal_sets_it_and_former_handlers_come_back(number: signal.Signals) -> None:
    former = [signal.getsignal(each) for each in STOP_SIGNALS]

    def stopped_in_trouble() -> None:
        with stop_on_signals() as stop:
            signal.raise_signal(number)
            assert stop.wait(LIMIT_S)
            raise ValueError("trouble")

    with pytest.raises(ValueError, match="trouble"):
        stopped_in_trouble()
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == former
