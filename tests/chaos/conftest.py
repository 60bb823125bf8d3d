"""What all drills need."""

from __future__ import annotations

import os
import sys

import pytest


@pytest.fixture(autouse=True)
def preload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the fork server find our modules: it looks where its environment says, nowhere else."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
