"""What can go wrong in training besides bad data."""

from __future__ import annotations

from ghostpose.errors import GhostposeError, UserError


class TrainingError(GhostposeError):
    """Training had to stop: a loss that is no number, a disk that is full."""


class CheckpointError(UserError):
    """A checkpoint is missing, damaged, or belongs to another network or run."""
