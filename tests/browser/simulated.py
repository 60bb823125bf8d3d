"""Simulated cameras: walkers whose pictures and poses are put on the bus as the roles would.

Where each key point is, is a function of the frame's number (`keypoints_at`), so that a test can
hold what a page draws against it. Pictures are drawn once and played in a cycle: simulating many
cameras takes little.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self, cast

import numpy as np

from ghostpose.bus import CameraLeases
from ghostpose.bus.camera_states import publish_camera_state
from ghostpose.bus.previews import publish_preview
from ghostpose.codec.camera_state import CameraCounts, CameraState
from ghostpose.codec.images import encode_picture
from ghostpose.codec.poses import encode_pose
from ghostpose.codec.preview import Preview
from ghostpose.types import Person, Placement, PoseMessage
from ingest.sources.test_pattern import PatternOptions, draw, figures_at, make_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.bus import Bus
    from ghostpose.types import FloatArray

SESSION: Final = 1_700_000_000_000
CYCLE: Final = 40
"""Frames after which the pictures begin again."""

WIDTH, HEIGHT = 480, 270
STATE_EVERY_S: Final = 2.0
POSES_KEPT: Final = 600


class SimulatedCamera:
    """One camera's frames: `PEOPLE` walkers, `fps` pictures a second."""

    PEOPLE: Final = 3

    def __init__(self, name: str, seed: int, fps: float = 5.0) -> None:
        self.name, self.fps = name, fps
        self._options = PatternOptions(WIDTH, HEIGHT, fps, self.PEOPLE, seed=seed)
        self._figures = make_figures(self._options)
        self._jpegs = [
            encode_picture(draw(self._options, self._figures, number / fps), quality=75).data
            for number in range(CYCLE)
        ]
        self.started_at = 0.0

    def keypoints_at(self, seq: int) -> FloatArray:
        """Return everybody's key points in frame `seq`: float32 (people, 18, 2), pixels."""
        return figures_at(self._figures, WIDTH, (seq % CYCLE) / self.fps)

    def people_at(self, seq: int) -> tuple[Person, ...]:
        return tuple(self._person(number, points) for number, points in
                     enumerate(self.keypoints_at(seq), 1))  # fmt: skip

    def _person(self, number: int, points_k2: FloatArray) -> Person:
        low_2, high_2 = points_k2.min(axis=0), points_k2.max(axis=0)
        scores_k1 = np.full((len(points_k2), 1), 0.9, np.float32)
        box = (*map(float, low_2), *map(float, high_2 - low_2))
        return Person(
            score=0.9,
            box=cast("tuple[float, float, float, float]", box),
            keypoints_k3=np.hstack([points_k2, scores_k1]),
            track=f"{self.name}-{number}",
        )

    def preview(self, seq: int, now_s: float) -> Preview:
        return Preview(
            camera=self.name, session=SESSION, seq=seq, captured_at=now_s,
            media_time=seq / self.fps, source_width=WIDTH, source_height=HEIGHT,
            placement=Placement(1.0, 1.0, 0.0, 0.0), privacy="none", width=WIDTH, height=HEIGHT,
            jpeg=self._jpegs[seq % CYCLE],
        )  # fmt: skip

    def pose(self, seq: int, now_s: float) -> PoseMessage:
        return PoseMessage(
            camera=self.name, session=SESSION, seq=seq, captured_at=now_s,
            media_time=seq / self.fps, width=WIDTH, height=HEIGHT, people=self.people_at(seq),
        )  # fmt: skip

    def state(self, seq: int, now_s: float, problem: str | None = None) -> CameraState:
        counts = CameraCounts(read=seq, decoded=seq, published=seq)
        return CameraState(
            camera=self.name, status="playing", since=self.started_at, worker="simulated",
            host="here", pid=1, problem=problem, problem_at=0.0 if problem is None else now_s,
            session=SESSION, source="test pattern", last_seen=now_s, counts=counts,
        )  # fmt: skip


class Simulation:
    """Plays cameras in a thread while its block runs."""

    def __init__(self, bus: Bus, cameras: Sequence[SimulatedCamera]) -> None:
        self._bus, self.cameras = bus, {camera.name: camera for camera in cameras}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.problem: str | None = None

    def __enter__(self) -> Self:
        for camera in self.cameras.values():
            camera.started_at = time.time()
            self._bus.register_camera(camera.name, policy="latest", credit=4)
        # Those of them that are in the registry are played by this "ingest".
        leases = CameraLeases(self._bus, "simulated", ttl_s=86_400)
        leases.take(dict.fromkeys(self.cameras, 0.1))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seq, began_s, state_due_s = 0, time.monotonic(), 0.0
        fps = max(camera.fps for camera in self.cameras.values())
        while not self._stop.is_set():
            says_state = time.monotonic() >= state_due_s
            if says_state:
                state_due_s = time.monotonic() + STATE_EVERY_S
            for camera in self.cameras.values():
                self._play(camera, seq, says_state=says_state)
            seq += 1
            self._stop.wait(max(0.0, began_s + seq / fps - time.monotonic()))

    def _play(self, camera: SimulatedCamera, seq: int, *, says_state: bool) -> None:
        now_s, keys = time.time(), self._bus.keys
        client: Any = self._bus.client
        if client.exists(keys.preview(camera.name) + ":wanted"):
            publish_preview(self._bus, camera.preview(seq, now_s))
        fields = {"d": encode_pose(camera.pose(seq, now_s)), "p": b"%d" % (1000 * now_s)}
        client.xadd(keys.poses(camera.name), fields, maxlen=POSES_KEPT)
        client.hincrby(keys.camera(camera.name), "poses", 1)
        if says_state:
            publish_camera_state(self._bus, camera.state(seq, now_s, self.problem))
