"""Where a command writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def make_output(folder: Path) -> None:
    """Make the folder that `--output` names, unless it is there.

    Raises:
        ConfigError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--output {folder}: can't be made: {error.strerror}") from error
