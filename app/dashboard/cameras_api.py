"""Cameras: what they do, how they are set, added, changed and removed, as `ghostpose cameras`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, Field

from app.camera_list import list_cameras
from app.camera_settings import make_camera, with_settings
from app.dashboard.access import Admin, TheAddress, TheContext, Viewer
from app.dashboard.overview import CameraFigures, OverviewNow
from app.dashboard.references import check_references
from app.registry import remove_camera
from ghostpose.bus import Registry
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.config import CameraConfig
from ghostpose.errors import RegistryConflictError, RegistryError
from ghostpose.passwords import plain_password_warning
from ghostpose.redaction import without_password
from ghostpose.types import CAMERA_NAME_PATTERN

router = APIRouter(prefix="/api", tags=["cameras"])

Name = Annotated[str, Path(pattern=f"^{CAMERA_NAME_PATTERN.pattern}$")]


class NewCamera(BaseModel):
    """A camera to add: its name, where it comes from, and settings as in a configuration file."""

    name: Annotated[str, Field(max_length=64)]
    source: Annotated[str, Field(min_length=1, max_length=4096)]
    settings: dict[str, object] = {}


class Change(BaseModel):
    """Settings to change; null takes one back to its default. `revision`: the one that was seen."""

    settings: dict[str, object]
    revision: int


class Changed(BaseModel):
    """A camera's new revision, and what its owner should know about it."""

    revision: int
    warning: str | None = None


class Skipped(BaseModel):
    """Pictures that were left out since the camera's process started, for one reason."""

    reason: str
    pictures: int


class CameraDetails(BaseModel):
    """All that is known of a camera. `settings` are None if it isn't in the registry."""

    figures: CameraFigures
    settings: CameraConfig | None
    revision: int | None
    problem: str | None
    problem_at: float
    session: int
    read: int
    published: int
    reconnects: int
    skipped: tuple[Skipped, ...]


@router.get("/cameras")
def cameras(_: Viewer, context: TheContext) -> OverviewNow:
    """Tell of all cameras at a glance."""
    return context.overview.now()


@router.get("/cameras/{name}")
def camera(name: Name, _: Viewer, context: TheContext) -> CameraDetails:
    """Tell all of one camera."""
    figures = next((one for one in context.overview.look().cameras if one.name == name), None)
    if figures is None:
        raise HTTPException(404, f"there is no camera {name}")
    row = next((one.row for one in list_cameras(context.bus) if one.name == name), None)
    state = read_camera_states(context.bus).get(name)
    return CameraDetails(
        figures=figures,
        settings=None if row is None else row.settings,
        revision=None if row is None else row.revision,
        problem=None if state is None else state.problem,
        problem_at=0.0 if state is None else state.problem_at,
        session=0 if state is None else state.session,
        read=0 if state is None else state.counts.read,
        published=0 if state is None else state.counts.published,
        reconnects=0 if state is None else state.counts.reconnects,
        skipped=tuple(
            Skipped(reason=reason, pictures=count)
            for reason, count in ({} if state is None else state.counts.skipped).items()
            if count
        ),
    )


@router.post("/cameras", status_code=201)
def add(given: NewCamera, who: Admin, address: TheAddress, context: TheContext) -> Changed:
    """Add a camera to the registry; an `ingest --registry` plays it within seconds."""
    settings = {name: value for name, value in given.settings.items() if value is not None}
    new = make_camera({**settings, "name": given.name, "source": given.source})
    check_references(new.name, new.source, context.references)
    try:
        revision = Registry(context.bus).add(new)
    except RegistryError as error:
        raise HTTPException(409, str(error)) from error
    shown = {**settings, "source": without_password(given.source)}
    context.audit.note(who, address, "added camera", new.name, settings=shown)
    context.overview.look()
    return Changed(revision=revision, warning=_warning(new))


@router.patch("/cameras/{name}")
def change(
    name: Name, given: Change, who: Admin, address: TheAddress, context: TheContext
) -> Changed:
    """Change settings of a camera, its zones and lines among them; takes effect within seconds."""
    registry = Registry(context.bus)
    row = _found(registry, name)
    changed = with_settings(row, given.settings)
    if changed.name != name:
        raise HTTPException(400, "a camera's name can't be changed: add another")
    if changed.source != row.source:
        check_references(name, changed.source, context.references)
    revision = registry.change(changed, given.revision)
    shown = {key: _shown(value) for key, value in given.settings.items()}
    context.audit.note(who, address, "changed camera", name, settings=shown)
    context.overview.look()
    return Changed(revision=revision, warning=_warning(changed))


@router.delete("/cameras/{name}", status_code=204)
def remove(
    name: Name, who: Admin, address: TheAddress, context: TheContext, revision: int | None = None
) -> None:
    """Take a camera out of the registry; its poses stay for as long as they are kept."""
    registry = Registry(context.bus)
    _found(registry, name)
    remove_camera(registry, name, revision)
    context.audit.note(who, address, "removed camera", name)
    context.overview.look()


def _found(registry: Registry, name: str) -> CameraConfig:
    try:
        return registry.get(name).settings
    except RegistryConflictError:
        raise
    except RegistryError as error:
        raise HTTPException(404, str(error)) from error


def _shown(value: object) -> object:
    return without_password(value) if isinstance(value, str) else value


def _warning(camera: CameraConfig) -> str | None:
    return plain_password_warning(f"camera {camera.name}", camera.source)
