"""Poses belong to the very picture they are drawn on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import samples

from app.dashboard.pairing import MAX_WAITING, PATIENCE_S, Pairing
from ghostpose.client import PoseRecord
from ghostpose.types import FrameId

if TYPE_CHECKING:
    from ghostpose.codec.preview import Preview

SESSION = 1_700_000_000_000


def picture(seq: int, session: int = SESSION) -> Preview:
    return replace(samples.preview(seq=seq), session=session)


def record(seq: int, session: int = SESSION) -> PoseRecord:
    message = samples.pose(FrameId("lobby", session, seq, seq + 1))
    return PoseRecord("lobby", "1-0", 2, 1, message, b"{}")


def test_a_picture_waits_for_the_poses_of_its_own_frame() -> None:
    pairing = Pairing()
    pairing.add_picture(picture(4), 0.0)
    pairing.add_pose(record(3))
    assert pairing.take(0.1) is None
    pairing.add_pose(record(4))
    shown = pairing.take(0.2)
    assert shown is not None
    assert shown.pose is not None
    assert (shown.preview.seq, shown.pose.message.seq) == (4, 4)
    assert pairing.take(0.3) is None, "a picture is shown once"


def test_newer_pictures_do_not_push_out_one_whose_poses_are_still_to_come() -> None:
    pairing = Pairing()
    for seq in range(5):
        pairing.add_picture(picture(seq), 0.2 * seq)
    pairing.add_pose(record(1))
    shown = pairing.take(1.0)
    assert shown is not None
    assert shown.preview.seq == 1
    pairing.add_pose(record(0))
    assert pairing.take(1.0) is None, "older than what was shown"
    pairing.add_pose(record(3))
    shown = pairing.take(1.1)
    assert shown is not None
    assert shown.preview.seq == 3


def test_a_picture_without_poses_is_shown_after_a_while_and_one_of_a_gap_never() -> None:
    pairing = Pairing()
    pairing.add_picture(picture(1), 0.0)
    pairing.add_picture(picture(2), 0.0)
    pairing.add_gap(SESSION, 2)
    assert pairing.take(PATIENCE_S - 0.1) is None
    shown = pairing.take(PATIENCE_S)
    assert shown is not None
    assert (shown.preview.seq, shown.pose) == (1, None)


def test_the_same_or_an_older_picture_is_passed_over_and_a_new_session_is_newer() -> None:
    pairing = Pairing()
    for seq in (7, 7, 6):
        pairing.add_picture(picture(seq), 0.0)
    pairing.add_pose(record(6))
    assert pairing.take(0.1) is None
    pairing.add_picture(picture(0, SESSION + 1), 0.2)
    pairing.add_pose(record(0, SESSION + 1))
    shown = pairing.take(0.3)
    assert shown is not None
    assert shown.preview.session == SESSION + 1


def test_what_waits_is_bounded() -> None:
    pairing = Pairing()
    for seq in range(10 * MAX_WAITING):
        pairing.add_picture(picture(seq), 0.0)
        pairing.add_pose(record(1_000_000 + seq))
    assert len(pairing._waiting) == MAX_WAITING
    assert len(pairing._poses) <= 128
