"""Where a run's store is, when only a folder was named."""

from __future__ import annotations

from pathlib import Path

from app.cli.run import _with_places
from ghostpose.config import GhostposeConfig, StoreConfig


def test_a_store_in_the_output_folder_keeps_the_bounds_that_the_configuration_sets() -> None:
    settings = GhostposeConfig(store=StoreConfig(keep_days=3, max_gb=0.5))
    placed = _with_places(settings, Path("out"), dashboard=False)
    assert placed.store == StoreConfig(
        url="sqlite:///out/ghostpose.sqlite", keep_days=3, max_gb=0.5
    )


def test_a_store_that_the_configuration_places_stays_there() -> None:
    settings = GhostposeConfig(store=StoreConfig(url="sqlite:///elsewhere.sqlite"))
    assert _with_places(settings, Path("out"), dashboard=False) == settings
