"""What a frozen teacher is shown."""

from __future__ import annotations

import torch

from training.distillation.teacher import lowered


def test_a_teacher_that_sits_too_high_is_shown_the_picture_moved_down() -> None:
    images = torch.randint(0, 255, (2, 8, 16, 3), dtype=torch.uint8)
    moved = lowered(images, 2)
    assert (moved[:, 2:] == images[:, :-2]).all()
    assert (moved[:, :2] == images[:, :1]).all()
    assert lowered(images, 0) is images
