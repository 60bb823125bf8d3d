"""Reads plain folders of pictures without labels, for distillation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.errors import DataError
from training.data.pictures import PICTURE_SUFFIXES, Picture

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def read_folder(folder: Path, *, without: Collection[str] = ()) -> tuple[Picture, ...]:
    """Return every picture under `folder`, in the order of the names, as unlabelled.

    `without` holds what to leave out, as `parent folder/stem`: the same pictures are kept under
    other suffixes elsewhere.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"picture folder {folder} does not exist")
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES)
    pictures = tuple(Picture(path) for path in paths if picture_key(path) not in without)
    if not pictures:
        raise DataError(f"picture folder {folder} holds no picture")
    return pictures


def picture_key(path: Path) -> str:
    """Return the name that a picture has in every copy of its set: `parent folder/stem`."""
    return f"{path.parent.name}/{path.stem}"
