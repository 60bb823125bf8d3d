"""Reading a run's poses and events back, as any consumer would, and counting them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.summary import CameraTally
from app.whole_file import WholeFile
from ghostpose.client import EventRecord, PoseRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Self

    from ghostpose.client import PoseReader
    from ghostpose.types import Policy

POSES_FILE: Final = "poses.jsonl"


@dataclass(slots=True)
class Collector:
    """Writes pose messages to `poses.jsonl` in the order they are read, and counts everything.

    Each camera has its own stream, so a camera's lines are in the order of its commits.
    """

    tallies: dict[str, CameraTally]
    poses_file: WholeFile | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def open(cls, policies: Mapping[str, Policy], output: Path | None) -> Self:
        """Make a collector for cameras with their policies; None = write nothing."""
        collector = cls({name: CameraTally(policy) for name, policy in policies.items()})
        if output is not None:
            path = output / POSES_FILE
            file = collector._stack.enter_context(path.open("wb", buffering=0))
            collector.poses_file = WholeFile(file, path)
        return collector

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, reader: PoseReader, block_s: float) -> int:
        """Take in what is new; return how many entries that was.

        Raises:
            DiskError: `poses.jsonl` can't be written any further.
        """
        records = reader.read(block_s=block_s)
        self.add(records)
        return len(records)

    def add(self, records: Iterable[PoseRecord | EventRecord]) -> None:
        """Take in records, in the order they were read."""
        for record in records:
            if isinstance(record, PoseRecord):
                self._add_pose(record)
            else:
                self.tallies[record.camera].add_event(record.message)

    def _add_pose(self, record: PoseRecord) -> None:
        tally = self.tallies[record.camera]
        if not tally.knows(record.message.session):
            return  # an earlier run on this server left it in flight
        if self.poses_file is not None:
            self.poses_file.append(record.json + b"\n")
        tally.add_pose(
            record.message,
            published_ms=record.published_ms,
            committed_ms=record.committed_ms,
        )

    @property
    def finished(self) -> bool:
        """Whether each camera's newest session has ended and all its messages have been read."""
        return all(tally.finished for tally in self.tallies.values())
