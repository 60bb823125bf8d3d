"""A million frames in the store: how fast they go in, what they take, how fast questions are.

    PYTHONPATH=.:tests python -m benchmarks.store_bench [--frames N] [--only sqlite] [--json]

Ten cameras at 10 frames a second, 1.25 people in view on average, each for 20 seconds, with 9 to 18
key points: the same in every run. They are written as the store writes, 64 frames of each camera in
a transaction. Then the three questions that people ask, warm, in turns: the tracks of
an hour, the people of all the time a camera has in minutes, and where the longest track was; an
export of one camera; and retention removing a tenth. PostgreSQL runs with its own settings, but for
the socket; its rates include its server's share of the same cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import func, select, text

from benchmarks import machine, processes
from benchmarks.timing import in_turns, shown, spread
from ghostpose.types import Person, PoseMessage
from postprocess.store import Batch, open_database, open_for_reading, queries, schema, write_batch
from postprocess.store.frames import frames
from postprocess.store.results import Selection
from postprocess.store.retention import Retention, pruning
from postprocess.store.size import file_bytes, vacuum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

CAMERAS = 10
FPS = 10
FRAMES_A_BATCH = 64
PEOPLE, TRACK_S = 1.25, 20.0
T0 = 1.7e9
QUESTION_S = 15.0
TARGET_MS = 100.0
QUESTIONS = {
    "tracks": "tracks of an hour",
    "people": "people in each minute, all the time",
    "track": "where the longest track was",
}


@dataclass(slots=True)
class Scene:
    """Who is in view of one camera, frame after frame."""

    camera: str
    rng: np.random.Generator
    people: dict[int, int]
    next_track: int = 0
    seq: int = 0

    def step(self, bodies: list[np.ndarray]) -> PoseMessage:
        """Return the next frame; a track keeps its body and walks on."""
        lasts = TRACK_S * FPS
        self.people = {n: left - 1 for n, left in self.people.items() if left > 1}
        for _ in range(self.rng.poisson(PEOPLE / lasts)):
            self.people[self.next_track] = 1 + round(self.rng.exponential(lasts))
            self.next_track += 1
        message = PoseMessage(
            camera=self.camera,
            session=round(1000 * T0),
            seq=self.seq,
            captured_at=T0 + self.seq / FPS,
            media_time=self.seq / FPS,
            width=1920,
            height=1080,
            people=tuple(self._person(number, bodies) for number in self.people),
        )
        self.seq += 1
        return message

    def _person(self, number: int, bodies: list[np.ndarray]) -> Person:
        x = float((37 * number + 3 * self.seq) % 1500)
        body_k3 = bodies[(number + self.seq) % len(bodies)]
        return Person(0.8, (x + 0.25, 200.5, 120.75, 400.0), body_k3, f"{self.camera}-{number}")


def bodies(count: int = 512) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(count):
        body_k3 = rng.uniform(1, 1000, (18, 3)).astype(np.float32)
        body_k3[:, 2] = rng.uniform(0.1, 1, 18)
        body_k3[rng.permutation(18)[: rng.integers(0, 10)]] = 0
        found.append(body_k3)
    return found


def batches(total: int) -> Iterator[list[PoseMessage]]:
    """Yield the frames of all cameras as the store reads them."""
    scenes = [Scene(f"camera-{n}", np.random.default_rng(n), {}) for n in range(CAMERAS)]
    pool = bodies()
    for _ in range(total // (CAMERAS * FRAMES_A_BATCH)):
        yield [scene.step(pool) for scene in scenes for _ in range(FRAMES_A_BATCH)]


def filled(engine: Engine, total: int) -> dict[str, Any]:
    """Write all; return rates and sizes. Only writing is timed."""
    took_s, cpu_s, frames_, people = [], 0.0, 0, 0
    for batch in batches(total):
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        with engine.begin() as connection:
            write_batch(connection, Batch(batch))
        took_s.append(time.perf_counter() - begun_s)
        cpu_s += time.process_time() - begun_cpu_s
        frames_ += len(batch)
        people += sum(len(message.people) for message in batch)
    return {
        "frames": frames_,
        "people": people,
        "frames_per_s": frames_ / sum(took_s),
        "people_per_s": people / sum(took_s),
        "cpu_us_a_frame": 1e6 * cpu_s / frames_,
        "transaction_ms": spread(1000 * one for one in took_s),
    }


def sizes(engine: Engine, people: int, frames_: int) -> dict[str, Any]:
    """Return bytes on disk, and what of them is people's and frames' (with their indexes)."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            tables = {
                name: connection.execute(
                    text(
                        "SELECT sum(pgsize) FROM dbstat WHERE name IN"
                        " (SELECT name FROM sqlite_master WHERE tbl_name = :name)"
                    ),
                    {"name": name},
                ).scalar_one()
                for name in ("people", "poses")
            }
        else:
            tables = {
                name: connection.execute(select(func.pg_total_relation_size(name))).scalar_one()
                for name in ("people", "poses")
            }
        return {
            "mb": file_bytes(connection) / 1e6,
            "bytes_a_pose": int(tables["people"]) / people,
            "bytes_a_frame": int(tables["poses"]) / frames_,
        }


def questions(reader: Engine) -> dict[str, Callable[[], object]]:
    """Return each question as a call, of the camera with the longest track."""
    length = schema.tracks.c.last_seq - schema.tracks.c.first_seq
    with reader.connect() as connection:
        longest = connection.execute(
            select(schema.cameras.c.name, schema.tracks.c.number)
            .join(schema.cameras, schema.cameras.c.id == schema.tracks.c.camera_id)
            .order_by(length.desc())
            .limit(1)
        ).one()
        last = connection.execute(select(func.max(schema.poses.c.captured_at))).scalar_one()
    camera, track, middle = longest.name, f"{longest.name}-{longest.number}", (T0 + last) / 2
    return {
        "tracks": lambda: queries.tracks(reader, camera, middle - 1800, middle + 1800),
        "people": lambda: queries.people_counts(reader, camera, T0, last + 1, 60),
        "track": lambda: queries.track_poses(reader, camera, track),
    }


def exported(reader: Engine) -> dict[str, float]:
    """Read all frames of a camera; return the rate, and by how much that raised the peak memory."""
    before_mb, begun_s = processes.peak_mb(), time.perf_counter()
    count = sum(1 for _ in frames(reader, Selection("camera-0")))
    rate = count / (time.perf_counter() - begun_s)
    return {"frames_per_s": rate, "peak_mb_more": processes.peak_mb() - before_mb}


def pruned(engine: Engine, total: int) -> dict[str, Any]:
    """Remove the oldest tenth; return the rate, and how long single transactions take."""
    oldest_s = total / CAMERAS / FPS / 10
    keep = Retention(keep_days=(time.time() - T0 - oldest_s) / 86_400)
    steps, took_ms, removed = pruning(engine, keep), [], 0
    begun_s = time.perf_counter()
    while (step := next(steps, None)) is not None:
        took_ms.append(1000 * (time.perf_counter() - begun_s))
        removed += step.frames + step.people
        begun_s = time.perf_counter()
    return {"rows_per_s": 1000 * removed / sum(took_ms), "transaction_ms": spread(took_ms)}


def measured(address: str, total: int) -> dict[str, Any]:
    """Measure one database, empty before."""
    engine = open_database(address)
    found = filled(engine, total)
    vacuum(engine)
    reader = open_for_reading(address)
    asked = questions(reader)
    found |= sizes(engine, found["people"], found["frames"])
    found["rows"] = {name: len(ask()) for name, ask in asked.items()}  # type: ignore[arg-type]
    found["ms"] = in_turns(asked, seconds=QUESTION_S)
    found["export"] = exported(reader)
    reader.dispose()
    found["prune"] = pruned(engine, total)
    engine.dispose()
    return found


def measure(*, full: bool = True, total: int = 1_000_000, only: str = "") -> dict[str, Any]:
    """Measure both databases; where PostgreSQL is missing, say so in its place."""
    del full  # a million is what is asked about
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if only in ("", "sqlite"):
            found["SQLite"] = measured(f"sqlite:///{folder / 'poses.sqlite'}", total)
        if only in ("", "postgresql"):
            from databases import running_postgresql

            server = stack.enter_context(running_postgresql("fsync=on", "shared_buffers=128MB"))
            found["PostgreSQL"] = measured(server.address, total)
    return found


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as a table."""
    rows: dict[str, Callable[[dict[str, Any]], str]] = {
        "frames, people in them": lambda r: f"{r['frames']:,}, {r['people']:,}",
        "written, frames a second": lambda r: f"{r['frames_per_s']:,.0f}",
        "written, people a second": lambda r: f"{r['people_per_s']:,.0f}",
        "our processor time, µs a frame": lambda r: f"{r['cpu_us_a_frame']:.0f}",
        "a transaction of 640 frames, ms": lambda r: shown(r["transaction_ms"]),
        "on disk, MB": lambda r: f"{r['mb']:,.0f}",
        "bytes a pose, with indexes": lambda r: f"{r['bytes_a_pose']:.0f}",
        "bytes a frame, with indexes": lambda r: f"{r['bytes_a_frame']:.0f}",
        **{
            f"{title}, ms": lambda r, n=name: f"{shown(r['ms'][n])}; {r['rows'][n]:,} rows"
            for name, title in QUESTIONS.items()
        },
        "exported, frames a second": lambda r: f"{r['export']['frames_per_s']:,.0f}",
        "peak memory more for that, MB": lambda r: f"{r['export']['peak_mb_more']:.1f}",
        "removed by age, rows a second": lambda r: f"{r['prune']['rows_per_s']:,.0f}",
        "a transaction of it, ms": lambda r: shown(r["prune"]["transaction_ms"]),
    }
    table = [f"| | {' | '.join(result)} |", "|-|" + "-|" * len(result)]
    return table + [
        f"| {title} | {' | '.join(row(one) for one in result.values())} |"
        for title, row in rows.items()
    ]


def main() -> int:
    """Run it alone; return 1 if a question took longer than it may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"), default="")
    parser.add_argument("--json", action="store_true", help="print one line of JSON at the end")
    given = parser.parse_args()
    described = machine.describe()
    result = measure(total=given.frames, only=given.only)
    print(f"{machine.short(described)}; load {described['load_before']}\n")
    print("\n".join(lines(result)))
    slow = [
        f"{database}: {QUESTIONS[name]} takes {ms['median']:.0f} ms, wanted {TARGET_MS:.0f}"
        for database, one in result.items()
        for name, ms in one["ms"].items()
        if ms["median"] > TARGET_MS
    ]
    print("\n".join(["", *slow]))
    if given.json:
        print(json.dumps({"machine": described, **result}))
    return bool(slow)


if __name__ == "__main__":
    sys.exit(main())
