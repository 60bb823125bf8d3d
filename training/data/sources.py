"""Which pictures a training run reads, and how often each set is drawn from."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from ghostpose.errors import DataError
from training.data.augment import AugmentConfig
from training.data.coco import read_coco
from training.data.folders import read_folder

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.data.pictures import Picture


class SourceConfig(BaseModel):
    """One set of pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: Path
    """Folder of the pictures; `~` is the home folder."""

    annotations: Path | None = None
    """COCO-keypoints JSON; without it the pictures are unlabelled, for distillation only."""

    share: float = Field(default=1.0, ge=0)
    """Share of the crops that are drawn from this set, relative to the others; 0 leaves it out."""

    scale: tuple[float, float] | None = None
    """Replaces `augment.scale` for this set: sets differ in how large their people are."""


class DataConfig(BaseModel):
    """The sets, what is kept out of them, and how crops are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: dict[str, SourceConfig]
    """The sets by name."""

    held_out: Path | None = None
    """File of pictures never trained on, one a line: a file name of a labelled set, or
    `folder/stem` of an unlabelled one; checkpoints are chosen on them."""

    crop_px: int = Field(default=256, ge=64, multiple_of=8)
    """Side of a crop."""

    augment: AugmentConfig = AugmentConfig()
    """What is done to a picture before the network sees a crop of it."""

    workers: int = Field(default=1, ge=0)
    """Processes that make batches; 0 makes them in the training process."""


class Source:
    """The pictures of one set with their share of the crops, from 0 to 1."""

    __slots__ = ("augment", "name", "pictures", "share")

    def __init__(
        self, name: str, pictures: tuple[Picture, ...], share: float, augment: AugmentConfig
    ) -> None:
        self.name, self.pictures, self.share, self.augment = name, pictures, share, augment


def open_sources(config: DataConfig) -> tuple[Source, ...]:
    """Read every set that has a share, without the pictures held out.

    Raises:
        DataError: a set can't be read, or none has a share.
    """
    wanted = {name: source for name, source in config.sources.items() if source.share > 0}
    if not wanted:
        raise DataError("no data source has a share above 0: give at least one")
    held_out = read_held_out(config.held_out) if config.held_out else frozenset()
    total = sum(source.share for source in wanted.values())
    return tuple(
        Source(name, _read(name, source, held_out), source.share / total, _augment(config, source))
        for name, source in wanted.items()
    )


def read_held_out(path: Path) -> frozenset[str]:
    """Return the names in a file of pictures that are never trained on; `#` starts a comment.

    Raises:
        DataError: it can't be read, or names nothing.
    """
    try:
        lines = path.expanduser().read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"held-out list {path} can't be read: {error.strerror}") from error
    names = frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not names:
        raise DataError(f"held-out list {path} names no picture")
    return names


def _read(name: str, source: SourceConfig, held_out: Collection[str]) -> tuple[Picture, ...]:
    images = source.images.expanduser()
    try:
        if source.annotations is None:
            return read_folder(images, without=held_out)
        return read_coco(images, source.annotations.expanduser(), without=held_out).pictures
    except DataError as error:
        raise DataError(
            f"data source {name!r}: {error}; set data.sources.{name}.images, "
            f"or data.sources.{name}.share=0 to go without it"
        ) from error


def _augment(config: DataConfig, source: SourceConfig) -> AugmentConfig:
    if source.scale is None:
        return config.augment
    return config.augment.model_copy(update={"scale": source.scale})
