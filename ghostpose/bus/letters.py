"""Looking at dead letters, sending their frames in again, and throwing them away."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ghostpose.bus.publisher import FramePublisher, Full
from ghostpose.codec.entries import StreamEntry
from ghostpose.codec.letters import DeadLetter, decode_letter
from ghostpose.errors import BusError, InvalidValueError
from ghostpose.server import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ghostpose.bus.connection import Bus
    from ghostpose.types import FrameMessage

REPLAY_SUFFIX: Final = ".replay"
"""Frames of camera `hall` are sent in again as camera `hall.replay`."""

PAGE: Final = 16
"""Letters read at a time: they come with up to 64 KB each."""

_NAME: Final = re.compile(r"(\d{1,4}):(\d{1,16}-\d{1,16})")


class Sent(NamedTuple):
    """A letter with the frame that it is now, or else with what is wrong with it."""

    letter: DeadLetter
    frame: str = ""
    problem: str = ""


def letters(bus: Bus) -> Iterator[DeadLetter]:
    """Yield all dead letters, partition by partition, oldest first."""
    for partition in range(bus.partitions):
        after = "-"
        while page := _range(bus, partition, after, "+"):
            yield from page
            after = f"({page[-1].entry_id}"


def letter(bus: Bus, name: str) -> DeadLetter:
    """Return the letter called `<partition>:<entry id>`.

    Raises:
        InvalidValueError: that is no name of a letter, or there is none (any more).
    """
    match = _NAME.fullmatch(name)
    if match is None or int(match[1]) >= bus.partitions:
        raise InvalidValueError(f"{name!r} is no dead letter's name; `dead list` shows them")
    found = _range(bus, int(match[1]), match[2], match[2])
    if not found:
        raise InvalidValueError(f"there is no dead letter {name} (any more)")
    return found[0]


def purge(bus: Bus, chosen: Sequence[DeadLetter]) -> int:
    """Throw letters away; return how many of them were still there."""
    count = 0
    for one in chosen:
        with translated(bus.address):
            count += int(bus.client.xdel(bus.keys.dead(one.partition), one.entry_id))
    return count


def replay(bus: Bus, chosen: Sequence[DeadLetter]) -> Iterator[Sent]:
    """Send the frames of letters in again; yield what became of each letter.

    Through the front door, as frames of camera `<camera>.replay`, each old session as a new one:
    the old frames have their outcome, a gap, and their camera may be playing. A letter is thrown
    away once its frame is published; who is killed between the two leaves it to be sent once more.
    """
    ready: list[tuple[DeadLetter, FrameMessage]] = []
    for one in chosen:
        try:
            ready.append((one, one.frame_message()))
        except InvalidValueError as error:
            yield Sent(one, problem=str(error))
    ready.sort(key=lambda pair: (pair[1].id.camera, pair[1].id.session, pair[1].id.seq))
    for (camera, _), group in groupby(ready, lambda pair: (pair[1].id.camera, pair[1].id.session)):
        yield from _replay_session(bus, camera, list(group))


def replay_name(camera: str) -> str:
    """Return the camera that frames of `camera` are sent in as."""
    return camera.removesuffix(REPLAY_SUFFIX)[: 64 - len(REPLAY_SUFFIX)] + REPLAY_SUFFIX


def _replay_session(
    bus: Bus, camera: str, frames: list[tuple[DeadLetter, FrameMessage]]
) -> Iterator[Sent]:
    name = replay_name(camera)
    # All at once: nobody may be there to work on them, and they are few.
    bus.register_camera(name, policy="every", credit=len(frames) + bus.counters(name).in_flight)
    publisher = FramePublisher(bus, name)
    session = publisher.open_session()
    for one, frame in frames:
        # What was late then is late now for certain: it is to be looked at all the same.
        answer = publisher.publish(replace(frame.info, max_age_ms=0.0), frame.picture)
        if isinstance(answer, Full):
            raise BusError(f"{name}: another process sends dead letters of this camera in too.")
        purge(bus, [one])
        yield Sent(one, frame=f"{name}/{session}/{answer.seq}")
    publisher.end(frames_read=publisher.next_seq, skipped={})


def _range(bus: Bus, partition: int, low: str, high: str) -> list[DeadLetter]:
    with translated(bus.address):
        entries: Any = bus.client.xrange(bus.keys.dead(partition), low, high, count=PAGE)
    return [decode_letter(partition, StreamEntry(i.decode(), fields)) for i, fields in entries]
