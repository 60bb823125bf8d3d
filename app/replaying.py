"""Running recorded frames through the pipeline again, and saying what differs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.bus import Bus, EmbeddedServer, FramePublisher, Full
from ghostpose.client import PoseReader, PoseRecord
from postprocess.loop import run_postprocess
from workers.loop import run_inference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ghostpose.codec.recording import Key, Recording
    from ghostpose.types import FrameMessage, Person, PoseMessage
    from workers.options import WorkerOptions

CREDIT: Final = 8
LOOK_S: Final = 0.2

SAME_IOU: Final = 0.5
"""Two boxes that share so much of their area are of the same person."""


@dataclass(slots=True)
class Difference:
    """What differs between recorded results and those of now, summed over all frames."""

    frames: int = 0
    left_out: int = 0
    people: int = 0
    missing: int = 0
    extra: int = 0
    moved: int = 0
    moved_px: float = 0.0
    switched: int = 0
    gaps: int = 0
    _tracks: dict[tuple[str, str | None], str | None] = field(default_factory=dict)

    @property
    def is_nothing(self) -> bool:
        """Whether all people, key points and tracks are the same."""
        return not (self.missing or self.extra or self.moved or self.switched or self.gaps)

    def add(self, before: PoseMessage, now: PoseMessage) -> None:
        """Compare the two messages of one frame."""
        pairs = same_people(before.people, now.people)
        self.frames += 1
        self.people += len(before.people)
        self.missing += len(before.people) - len(pairs)
        self.extra += len(now.people) - len(pairs)
        for former, person in pairs:
            moved_px = float(np.abs(former.keypoints_k3[:, :2] - person.keypoints_k3[:, :2]).max())
            self.moved += moved_px > 0
            self.moved_px = max(self.moved_px, moved_px)
            known = self._tracks.setdefault((before.camera, former.track), person.track)
            self.switched += known != person.track

    def as_json_values(self) -> dict[str, float | bool]:
        """Return all numbers by name."""
        names = [name for name in self.__slots__ if not name.startswith("_")]
        return {name: getattr(self, name) for name in names} | {"is_nothing": self.is_nothing}


def same_people(before: Sequence[Person], now: Sequence[Person]) -> list[tuple[Person, Person]]:
    """Return pairs of the same person: those whose boxes overlap most come first."""
    overlaps = sorted(
        (
            (iou(former.box, person.box), i, j)
            for i, former in enumerate(before)
            for j, person in enumerate(now)
        ),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    for overlap, i, j in overlaps:
        if overlap >= SAME_IOU and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return [(before[i], now[j]) for i, j in sorted(pairs.items())]


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the intersection of two boxes (x, y, w, h) over their union."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union > 0 else float(tuple(a) == tuple(b))


def replay(recording: Recording, options: WorkerOptions) -> Difference:
    """Run a recording's frames that have a result again, with `options`, and compare.

    On a server of its own, by the same workers and in the same way as when they were live.

    Raises:
        EngineError, WeightsError: the engine can't be made.
    """
    difference = Difference()
    difference.left_out = len(recording.frames.keys() - recording.poses.keys())
    chosen = {key: recording.frames[key] for key in recording.frames if key in recording.poses}
    for key, message in _run(chosen, options).items():
        if message is None:
            difference.gaps += 1
        else:
            difference.add(recording.poses[key], message)
    return difference


def _run(
    frames: Mapping[Key, FrameMessage], options: WorkerOptions
) -> dict[Key, PoseMessage | None]:
    with EmbeddedServer() as server, Bus.connect(server.url) as bus:
        workers = _Workers(
            lambda stop: run_inference(server.url, options, stop),
            lambda stop: run_postprocess(server.url, stop),
        )
        with workers, PoseReader(server.url, start="begin") as reader:
            results: dict[Key, PoseMessage | None] = dict.fromkeys(frames)
            for session, keys in groupby(frames, lambda key: key[:2]):
                _run_session(bus, workers, reader, session[0], list(keys), frames, results)
            return results


def _run_session(
    bus: Bus,
    workers: _Workers,
    reader: PoseReader,
    camera: str,
    keys: list[Key],
    frames: Mapping[Key, FrameMessage],
    results: dict[Key, PoseMessage | None],
) -> None:
    bus.register_camera(camera, policy="every", credit=CREDIT)
    publisher = FramePublisher(bus, camera)
    session = publisher.open_session()
    for key in keys:
        while isinstance(answer := publisher.publish(frames[key].info, frames[key].picture), Full):
            workers.check()
            publisher.wait_for_credit(answer, LOOK_S)
    publisher.end(frames_read=len(keys), skipped={})
    while True:
        workers.check()
        for record in reader.read(block_s=LOOK_S):
            if record.message.session != session:
                continue
            if isinstance(record, PoseRecord):
                results[keys[record.message.seq]] = record.message
            elif record.message.kind == "session_end":
                return


class _Workers:
    """Roles in threads of this process, until the block ends."""

    def __init__(self, *roles: Callable[[threading.Event], object]) -> None:
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [threading.Thread(target=self._run, args=(role,)) for role in roles]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Raise whatever ended one of them."""
        if self._failure is not None:
            raise self._failure

    def _run(self, role: Callable[[threading.Event], object]) -> None:
        try:
            role(self._stop)
        except BaseException as failure:
            self._failure = failure
