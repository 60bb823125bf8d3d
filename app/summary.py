"""What came out of a run, counted from the messages that were read back: pure functions of data."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.latency import Latency, LatencyHistogram
from ghostpose.types import DEAD_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghostpose.types import EventMessage, Policy, PoseMessage


@dataclass(frozen=True, slots=True)
class Summary:
    """A camera's counts, or those of all cameras together.

    `frames` were read from the source, `poses` are messages, `people` are summed over messages,
    `tracks` are distinct ids, `fps` is poses over the time from first publish to last commit.
    `frames = poses + skipped + dead`, once nothing is in flight; of a session that was cut off
    without its end, only frames that came to something count.
    """

    frames: int
    poses: int
    skipped: int
    dead: int
    people: int
    tracks: int
    fps: float
    latency_ms: Latency

    def as_json(self) -> dict[str, object]:
        """Return it as the fields of the run's last line."""
        latency = self.latency_ms
        return {
            "frames": self.frames,
            "poses": self.poses,
            "skipped": self.skipped,
            "dead": self.dead,
            "people": self.people,
            "tracks": self.tracks,
            "fps": round(self.fps, 2),
            "latency_ms": {
                "p50": round(latency.p50, 1),
                "p95": round(latency.p95, 1),
                "p99": round(latency.p99, 1),
            },
        }


@dataclass(slots=True)
class SessionTally:
    """Counts one session. `accounted`: pose messages and gaps; None: its end has not come."""

    accounted: int = 0
    frames_read: int | None = None
    published: int | None = None

    @property
    def finished(self) -> bool:
        """Whether it has ended, and all its messages have been read.

        Poses and events are two streams: the end may be read before the last poses.
        """
        return self.published is not None and self.accounted >= self.published

    @property
    def frames(self) -> int:
        """Frames read from the source; without an end, those of which something came."""
        return self.accounted if self.frames_read is None else self.frames_read


@dataclass(slots=True)
class CameraTally:
    """Counts one camera's messages as they are read.

    Only sessions whose start was read count: what an earlier run left in flight on the same server
    is not this run's.
    """

    policy: Policy
    poses: int = 0
    people: int = 0
    tracks: set[str] = field(default_factory=set)
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    first_publish_ms: float = math.inf
    last_commit_ms: float = -math.inf
    gaps: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    clock_repairs: int = 0
    sessions: dict[int, SessionTally] = field(default_factory=dict)

    def knows(self, session: int) -> bool:
        """Whether the start of `session` was read."""
        return session in self.sessions

    def add_pose(self, pose: PoseMessage, *, published_ms: float, committed_ms: float) -> None:
        """Count one pose message with the server's times of its publishing and its commit."""
        if not self.knows(pose.session):
            return
        self.sessions[pose.session].accounted += 1
        self.poses += 1
        self.people += len(pose.people)
        self.tracks.update(person.track for person in pose.people if person.track)
        self.first_publish_ms = min(self.first_publish_ms, published_ms)
        self.last_commit_ms = max(self.last_commit_ms, committed_ms)
        since_ms = published_ms if self.policy == "every" else pose.captured_at * 1000
        self.latencies.add(committed_ms - since_ms)

    def add_event(self, event: EventMessage) -> None:
        """Count an event; only those about frames and sessions matter here."""
        if event.kind == "session_start":
            self.sessions.setdefault(event.session, SessionTally())
        elif not self.knows(event.session):
            return
        elif event.kind == "gap":
            self.sessions[event.session].accounted += 1
            self.gaps[str(event.details.get("reason", "unknown"))] += 1
        elif event.kind == "session_end":
            self._end_session(self.sessions[event.session], event)

    def _end_session(self, session: SessionTally, event: EventMessage) -> None:
        session.published = event.seq
        session.frames_read = _whole(event.details.get("frames_read"))
        self.clock_repairs += _whole(event.details.get("clock_repairs"))
        skipped = event.details.get("skipped")
        if isinstance(skipped, dict):
            self.skipped.update({reason: _whole(count) for reason, count in skipped.items()})

    @property
    def finished(self) -> bool:
        """Whether the newest session has ended, and all its messages have been read.

        A camera commits its sessions one after the other, so those before it, also one without an
        end (its process was killed, or the answer to its opening was lost), are over then.
        """
        return bool(self.sessions) and self.sessions[max(self.sessions)].finished

    @property
    def frames(self) -> int:
        """Frames read from the source, over all sessions."""
        return sum(session.frames for session in self.sessions.values())

    def summary(self) -> Summary:
        """Return the counts so far."""
        dead = sum(count for reason, count in self.gaps.items() if reason in DEAD_REASONS)
        stale = self.gaps.total() - dead
        return Summary(
            frames=self.frames,
            poses=self.poses,
            skipped=self.skipped.total() + stale,
            dead=dead,
            people=self.people,
            tracks=len(self.tracks),
            fps=_rate(self.poses, self.last_commit_ms - self.first_publish_ms),
            latency_ms=self.latencies.latency(),
        )


def total(tallies: Iterable[CameraTally]) -> Summary:
    """Sum cameras: counts add up, times span all of them, percentiles are over all messages."""
    each = list(tallies)
    parts = [tally.summary() for tally in each]
    first = min((tally.first_publish_ms for tally in each), default=math.inf)
    last = max((tally.last_commit_ms for tally in each), default=-math.inf)
    poses = sum(part.poses for part in parts)
    return Summary(
        frames=sum(part.frames for part in parts),
        poses=poses,
        skipped=sum(part.skipped for part in parts),
        dead=sum(part.dead for part in parts),
        people=sum(part.people for part in parts),
        tracks=sum(part.tracks for part in parts),
        fps=_rate(poses, last - first),
        latency_ms=LatencyHistogram.merged(tally.latencies for tally in each).latency(),
    )


def _rate(count: int, span_ms: float) -> float:
    return count * 1000 / span_ms if count and span_ms > 0 else 0.0


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
