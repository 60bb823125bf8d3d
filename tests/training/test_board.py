from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ghostpose.network.targets import paf_targets, pcm_targets
from ghostpose.types import Maps
from training.board import Board, heat, picture_row
from training.config import load_train_config
from training.reporting import AverageReporter, Averages
from training.trainer import Trainer

if TYPE_CHECKING:
    from pathlib import Path


def empty_maps() -> Maps:
    nobody = np.zeros((0, 18, 3), np.float32)
    return Maps(pcm_targets(nobody, 64, 96), paf_targets(nobody, 64, 96))


def test_a_heat_picture_is_red_where_a_confidence_map_is_high() -> None:
    maps = empty_maps()
    maps.pcm_chw[3, 2, 5] = 1
    shown_hw3 = heat(np.zeros((64, 96, 3), np.uint8), maps)
    assert shown_hw3[20, 44].tolist() == [0, 0, 153]
    assert not shown_hw3[:8].any()


def test_a_row_shows_wanted_maps_said_maps_and_poses() -> None:
    row = picture_row(np.zeros((64, 96, 3), np.uint8), empty_maps(), empty_maps())
    assert row.shape == (64, 3 * 96, 3)


def test_a_run_reports_curves_and_pictures_to_tensorboard(
    coco_folder: Path, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = coco_folder / "run.yaml"
    images, annotations = coco_folder / "images", coco_folder / "annotations.json"
    run.write_text(
        f"name: tiny\ndata:\n  workers: 0\n  crop_px: 64\n  sources:\n    tiny:\n"
        f"      images: {images}\n      annotations: {annotations}\nbatch: 2\nsteps: 3\n"
    )
    board = Board(tmp_path / "board", pictures_every_steps=2, paf_offset_cells=0)
    kept: list[Averages] = []
    averages = AverageReporter(2, board.show, kept.append)
    Trainer(load_train_config(run), tmp_path / "run", reporters=[averages, board]).run()
    board.close()
    events = EventAccumulator(str(tmp_path / "board")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [0, 1]
    assert [event.step for event in events.Images("wanted and said")] == [0, 2]
    assert events.Scalars("loss")[0].value == pytest.approx(kept[0].loss)
    assert kept[-1].crops_per_s > 0
    assert "min left" in str(kept[-1])
