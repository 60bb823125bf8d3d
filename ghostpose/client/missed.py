"""Counting what a reader missed: frames whose outcome was trimmed away before it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.client.records import PoseRecord

if TYPE_CHECKING:
    from ghostpose.client.records import Record


class Missed:
    """Compares the numbers of one camera's records, in order: each frame has one outcome.

    A session is counted from the first record of it that is read, if the reader came into its
    middle, else from its first frame.
    """

    def __init__(self) -> None:
        self._session: int | None = None
        self._next_seq: int | None = None

    def after(self, record: Record) -> int:
        """Return how many outcomes are missing between the last record and this one."""
        message = record.message
        kind = "pose" if isinstance(record, PoseRecord) else record.message.kind
        if self._session != message.session:
            began = self._session is None and kind != "session_start"
            self._session, self._next_seq = message.session, None if began else 0
        if kind not in ("pose", "gap", "session_end"):
            return 0
        expected = message.seq if self._next_seq is None else self._next_seq
        self._next_seq = max(expected, message.seq + (kind != "session_end"))
        return max(0, message.seq - expected)
