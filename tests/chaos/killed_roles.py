"""Roles as child processes that kill themselves between two chosen steps.

Whatever a process does to the world goes through redis-py's doors for commands, single ones and
batches, or is a commit of the database. All are wrapped here, in the child, so production code has
no points of its own for this: nothing to cost time, nothing to forget when a step is added.
"""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import newer_codec
import redis
from redis.client import Pipeline
from sqlalchemy import Engine, event

import postprocess.store.worker
from app.stopping import stop_event
from ghostpose.bus.steps import Step, _load
from ingest import camera_process
from postprocess.grouping import GroupingOptions, warm_up
from postprocess.loop import run_postprocess
from postprocess.options import PostprocessOptions
from postprocess.store.worker import run_store
from workers.loop import run_inference
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from ghostpose.config import CameraConfig

warm_up(GroupingOptions())  # once, in the fork server, instead of in each life

MIN_IDLE_S: Final = 0.3
LEASE_TTL_S: Final = 0.5

_SAYS_WHAT: Final = {Step.COMMIT: 5, Step.FINISH: 2, Step.LEASE: 0}
"""Which argument of a step tells what it does."""


class Points:
    """Writes the name of each point to `log` as it is passed, and ends the process at one."""

    def __init__(self, log: Path, die_at: str | None) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._die_at = die_at
        self._steps = {_load(step)[1]: step for step in Step} | {
            _load(step)[0]: step for step in Step
        }

    def install(self) -> None:
        plain = redis.Redis.execute_command

        def watched(client: redis.Redis, *words: Any, **options: Any) -> Any:
            name = self._name(words)
            self.passed(f"before {name}")
            try:
                return plain(client, *words, **options)
            finally:  # an error is an answer too: a group that exists, for one
                self.passed(f"after {name}")

        plain_batch = Pipeline.execute

        def watched_batch(batch: Pipeline, *given: Any, **options: Any) -> Any:
            names = sorted({self._name(words) for words, _ in batch.command_stack})
            for name in names:
                self.passed(f"before {name}")
            try:
                return plain_batch(batch, *given, **options)
            finally:
                for name in names:
                    self.passed(f"after {name}")

        redis.Redis.execute_command = watched  # type: ignore[method-assign]
        Pipeline.execute = watched_batch  # type: ignore[method-assign]
        event.listen(Engine, "commit", lambda _: self.passed("before database commit"))

    def passed(self, point: str) -> None:
        os.write(self._log, f"{point}\n".encode())
        if point == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _name(self, words: tuple[Any, ...]) -> str:
        step = self._steps.get(words[1]) if words[0] in ("EVALSHA", "EVAL") else None
        if step is None:
            return str(words[0]).lower()
        if step not in _SAYS_WHAT:
            return step.value
        what = words[3 + int(words[2]) + _SAYS_WHAT[step]]
        return f"{step.value} {what}"


def play(
    role: str, url: str, database: str, log: Path, die_at: str | None, newer: bool = False
) -> None:
    """Be a process of this role until SIGTERM, or until the point."""
    stop = stop_event()
    if newer:
        newer_codec.install()
    Points(log, die_at).install()
    if role == "inference":
        options = WorkerOptions(engine="stub:5", batch=2, min_idle_s=MIN_IDLE_S)
        run_inference(url, options, stop)
    elif role == "postprocess":
        run_postprocess(url, stop, PostprocessOptions(lease_ttl_s=LEASE_TTL_S))
    else:
        postprocess.store.worker.CLAIM_IDLE_S = MIN_IDLE_S  # type: ignore[misc]
        postprocess.store.worker.CLAIM_EVERY_S = MIN_IDLE_S  # type: ignore[misc]
        run_store(url, database, stop=stop)


_camera_main: Final = camera_process.main


def camera_main(camera: CameraConfig, *arguments: Any) -> None:
    """Be a camera's process, as the supervisor starts it, whose lives end as planned.

    The n-th life ends at the n-th point of the plan; those after the last go on.
    """
    folder = plan_folder(camera.name)
    lives = folder / "lives"
    number = len(lives.read_text().split()) if lives.exists() else 0
    with lives.open("a") as file:
        file.write(f"{os.getpid()}\n")
    points = (folder / "plan").read_text().splitlines()
    Points(folder / "log", points[number] if number < len(points) else None).install()
    _camera_main(camera, *arguments)


def plan_folder(camera: str) -> Path:
    """Return where the plan for a camera's lives is: found by its name alone."""
    return Path(tempfile.gettempdir()) / camera
