"""A recording with what was found in it drawn: stored poses on the pictures they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.annotate import VideoWriter, drawn_frames
from app.atomic_file import replaced
from app.jobs.requests import Selection
from app.jobs.stored import opened_store, parts_of, poses_of
from ghostpose.errors import ConfigError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.annotate import DrawnFrame
    from app.jobs.progress import Progress
    from app.jobs.requests import Render
    from ghostpose.config import CameraConfig
    from ghostpose.types import PoseMessage


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was drawn. `missing`: stored frames at whose time the recording has no picture."""

    session: int
    frames: int
    missing: int


def render(request: Render, store_url: str | None, progress: Progress) -> Rendered:
    """Draw a session's stored poses into its recording, as an MP4 with its own times.

    Raises:
        UserError: the store has no such session, or the video isn't what was analysed.
        SourceError: the video can't be opened.
        StoreError: there is no such store, or it can't be used.
        DiskError: the disk is full, or fails; nothing is left of the file.
    """
    if request.output.suffix != ".mp4":
        raise ConfigError(f"--output {request.output}: wanted a name that ends in .mp4")
    camera = request.camera
    source = Path(camera.source)
    if request.output.exists() and source.exists() and request.output.samefile(source):
        raise ConfigError(f"--output {request.output}: this is the recording itself: name another")
    selection = Selection(cameras=(camera.name,), session=request.session)
    with opened_store(store_url) as engine:
        newest = parts_of(engine, selection)[-1]
        progress.begin(newest.frames, "frames")
        drawn = _write(camera, poses_of(engine, newest), request.output, progress)
    return Rendered(newest.session, drawn, newest.frames - drawn)


def _write(
    camera: CameraConfig, messages: Iterable[PoseMessage], path: Path, progress: Progress
) -> int:
    first_s = None
    with replaced(path) as part, VideoWriter(part) as writer:
        for frame in drawn_frames(camera, messages):
            if first_s is None:
                first_s = frame.message.media_time
                _check_size(camera, frame)
            writer.write(frame.image_hw3, frame.message.media_time - first_s)
            progress.advance()
        if first_s is None:
            raise UserError(
                f"{camera.source}: no picture in it is at the time of a stored frame of camera"
                f" {camera.name}: is it the recording that was analysed?"
            )
    return progress.step.done


def _check_size(camera: CameraConfig, frame: DrawnFrame) -> None:
    found = (frame.image_hw3.shape[1], frame.image_hw3.shape[0])
    wanted = (frame.message.width, frame.message.height)
    if found != wanted:
        raise UserError(
            f"{camera.source}: its pictures have {found[0]}x{found[1]} pixels, those of camera"
            f" {camera.name} had {wanted[0]}x{wanted[1]}: is it the recording that was analysed?"
        )
