"""Poses for other libraries: numpy, pandas, supervision."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import samples

from ghostpose.client import EventRecord, PoseRecord, to_numpy, to_pandas, to_supervision
from ghostpose.client.converters import EDGES
from ghostpose.errors import PackageError
from ghostpose.skeleton import KEYPOINTS
from ghostpose.types import EventMessage, FrameId, PoseMessage

if TYPE_CHECKING:
    from collections.abc import Callable


def pose(seq: int = 3, people: int = 2) -> PoseMessage:
    return samples.pose(FrameId("lobby", 7, seq, seq + 1), people)


def record(message: PoseMessage) -> PoseRecord:
    return PoseRecord("lobby", "1-0", 1, 1, message, b"{}")


EVENT = EventRecord("lobby", "1-1", 1, EventMessage("gap", "lobby", 7, 3), b"{}")


def test_numpy_gets_all_people_in_arrays() -> None:
    message = pose()
    arrays = to_numpy(message)
    assert arrays.tracks == ("lobby-0", "lobby-1")
    assert arrays.keypoints_pk3.shape == (2, 18, 3)
    assert arrays.boxes_p4.tolist() == [[10.5, 20.25, 100.0, 200.0]] * 2
    for index, person in enumerate(message.people):
        assert np.array_equal(arrays.keypoints_pk3[index], person.keypoints_k3)
        assert arrays.scores_p[index] == np.float32(person.score)


def test_nobody_is_arrays_of_nobody() -> None:
    arrays = to_numpy(pose(people=0))
    shapes = arrays.scores_p.shape, arrays.boxes_p4.shape, arrays.keypoints_pk3.shape
    assert shapes == ((0,), (0, 4), (0, 18, 3))


def test_pandas_gets_a_row_a_person_and_message() -> None:
    pytest.importorskip("pandas")
    table = to_pandas([record(pose(3)), EVENT, record(pose(4, people=1))])
    assert table["track"].tolist() == ["lobby-0", "lobby-1", "lobby-0"]
    assert table["seq"].tolist() == [3, 3, 4]
    assert table["width"].tolist() == [100.0] * 3
    wrist = KEYPOINTS.index("right_wrist")
    expected = pose(3).people[0].keypoints_k3[wrist]
    columns = ["right_wrist_x", "right_wrist_y", "right_wrist_score"]
    assert table.loc[0, columns].tolist() == pytest.approx(expected.tolist())
    assert len(table.columns) == 11 + 3 * 18
    assert to_pandas([EVENT]).columns.equals(table.columns)


def test_supervision_gets_key_points_and_draws_them() -> None:
    supervision = pytest.importorskip("supervision")
    message = pose()
    key_points = to_supervision(message)
    assert key_points.xy.shape == (2, 18, 2)
    assert np.array_equal(key_points.xy[0], message.people[0].keypoints_k3[:, :2])
    assert key_points.data["track"].tolist() == ["lobby-0", "lobby-1"]
    assert len(to_supervision(pose(people=0))) == 0
    picture_hw3 = np.zeros((700, 700, 3), np.uint8)
    supervision.EdgeAnnotator(edges=EDGES).annotate(picture_hw3, key_points)
    assert picture_hw3.any()


@pytest.mark.parametrize(
    ("package", "convert"),
    [("pandas", lambda: to_pandas([])), ("supervision", lambda: to_supervision(pose()))],
)
def test_what_is_not_installed_is_one_sentence(
    package: str, convert: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PackageError, match=f"{package} must be installed") as raised:
        convert()
    assert "\n" not in str(raised.value)
