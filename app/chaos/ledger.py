"""What an outside consumer saw, frame by frame, and every promise that it saw broken.

Pure: it is given the records of `PoseReader` and knows nothing of the server. A camera's frames
must come once each and in order, over all its sessions; what a session says at its end must be what
came; people keep their tracks, which are never given to anybody else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from ghostpose.client import EventRecord, PoseRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ghostpose.client import Record
    from ghostpose.types import EventMessage, PoseMessage

MOST_TOLD: Final = 50
"""Violations whose sentences are kept; all are counted."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a camera from outside.

    `fps`: frame k of each session shows media time k / fps (None: nobody knows); `people`: how many
    are in each picture, so how many tracks a session has (None: nobody knows).
    """

    fps: float | None = None
    people: int | None = None


@dataclass(slots=True)
class CameraBook:
    """What came of one camera. Frames without a message or gap before a later one are lost."""

    expected: Expected
    opened: int = -1
    session: int = -1
    next_seq: int = 0
    poses: int = 0
    gaps: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    sessions_ended: int = 0
    skipped: int = 0
    session_poses: int = 0
    session_gaps: int = 0
    session_tracks: set[str] = field(default_factory=set)

    def begin(self, session: int) -> None:
        """Open the books of a new session."""
        self.session, self.next_seq = session, 0
        self.session_poses = self.session_gaps = 0
        self.sessions += 1
        self.session_tracks = set()

    @property
    def frames(self) -> int:
        """Frames that had an outcome."""
        return self.poses + self.gaps.total()


class Ledger:
    """Books of all cameras; `violations` are sentences, `counts` how many there were of a kind."""

    def __init__(self) -> None:
        self.books: dict[str, CameraBook] = {}
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self._owners: dict[str, tuple[str, int]] = {}

    def open(self, expected: Mapping[str, Expected]) -> None:
        """Open the books of these cameras; there are no others."""
        self.books |= {camera: CameraBook(one) for camera, one in expected.items()}

    def accept(self, records: Iterable[Record]) -> None:
        """Enter records, each camera's in the order of commits."""
        for record in records:
            book = self.books.get(record.camera)
            if book is None:
                self.violated("strange", f"{record.camera}: nobody plays such a camera")
            elif isinstance(record, PoseRecord):
                self._accept_pose(record.camera, book, record.message)
            elif isinstance(record, EventRecord):
                self._accept_event(record.camera, book, record.message)

    def violated(self, kind: str, sentence: str) -> None:
        """Note a broken promise."""
        self.counts[kind] += 1
        if len(self.violations) < MOST_TOLD:
            self.violations.append(sentence)

    def _accept_pose(self, camera: str, book: CameraBook, pose: PoseMessage) -> None:
        self._accept_frame(camera, book, pose.session, pose.seq)
        book.poses += 1
        book.session_poses += 1
        fps = book.expected.fps
        if fps is not None and abs(pose.media_time * fps - pose.seq) > 0.5:
            self.violated(
                "lost",
                f"{camera}/{pose.session}/{pose.seq}: is of media time {pose.media_time:g} s, so it"
                f" is picture {pose.media_time * fps:.0f}",
            )
        self._accept_tracks(camera, book, pose)

    def _accept_event(self, camera: str, book: CameraBook, event: EventMessage) -> None:
        if event.kind == "gap":
            self._accept_frame(camera, book, event.session, event.seq)
            book.gaps[str(event.details.get("reason"))] += 1
            book.session_gaps += 1
        elif event.kind == "session_start":
            # It is said as a session is opened, while frames of the one before are in flight.
            if event.session <= book.opened:
                self.violated(
                    "disordered", f"{camera}: session {event.session} was opened after a newer one"
                )
            book.opened = event.session
        elif event.kind == "session_end":
            self._accept_end(camera, book, event)

    def _accept_frame(self, camera: str, book: CameraBook, session: int, seq: int) -> None:
        """Enter an outcome: the next frame's, or something is lost, doubled or out of order."""
        if not self._turn_to(camera, book, session):
            return
        if seq < book.next_seq:
            self.violated(
                "doubled",
                f"{camera}/{session}/{seq}: came again, or late: frame {book.next_seq} was next",
            )
            return
        if seq > book.next_seq:
            self.violated(
                "lost", f"{camera}/{session}/{seq}: came when frame {book.next_seq} was next"
            )
        book.next_seq = seq + 1

    def _turn_to(self, camera: str, book: CameraBook, session: int) -> bool:
        """Open a newer session; False: it is an older one."""
        if session < book.session:
            self.violated(
                "disordered", f"{camera}: session {session} came after session {book.session}"
            )
            return False
        if session > book.session:
            book.begin(session)
        return True

    def _accept_end(self, camera: str, book: CameraBook, event: EventMessage) -> None:
        """Hold what the session says of itself against what came of it."""
        if not self._turn_to(camera, book, event.session):
            return
        told = event.details
        skipped = sum(cast("dict[str, int]", told["skipped"]).values())
        book.sessions_ended += 1
        book.skipped += skipped
        said = (told["published"], told["poses"], told["gaps"])
        came = (book.next_seq, book.session_poses, book.session_gaps)
        if said != came:
            self.violated(
                "unbalanced",
                f"{camera}/{event.session}: published, poses and gaps are {said} as it says and"
                f" {came} as they came",
            )
        if told["frames_read"] != book.session_poses + book.session_gaps + skipped:
            self.violated(
                "unbalanced",
                f"{camera}/{event.session}: {told['frames_read']} frames read are not"
                f" {book.session_poses} poses, {book.session_gaps} gaps and {skipped} skipped",
            )

    def _accept_tracks(self, camera: str, book: CameraBook, pose: PoseMessage) -> None:
        where = f"{camera}/{pose.session}/{pose.seq}"
        tracks = [person.track for person in pose.people if person.track is not None]
        if len(set(tracks)) < len(tracks):
            self.violated("tracks", f"{where}: one track is on two people")
        for track in tracks:
            owner = self._owners.setdefault(track, (camera, pose.session))
            if owner != (camera, pose.session):
                self.violated("tracks", f"{where}: track {track} was of session {owner}")
        before = len(book.session_tracks)
        book.session_tracks.update(tracks)
        people = book.expected.people
        if people is not None and before != len(book.session_tracks) > people:
            self.violated(
                "tracks", f"{where}: {people} people have had {len(book.session_tracks)} tracks"
            )
