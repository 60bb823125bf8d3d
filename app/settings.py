"""A configuration file and the command line's options, made into one configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from ghostpose.config import CameraConfig, GhostposeConfig, camera_name_from
from ghostpose.config_file import load_config
from ghostpose.errors import ConfigError
from ghostpose.live import is_live
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Model = TypeVar("Model", bound=BaseModel)


def read_config(path: Path | None, **sections: Mapping[str, object]) -> GhostposeConfig:
    """Read `path` (none = the defaults) and put options that are not None over its sections.

    Raises:
        ConfigError: the file is wrong, or an option is out of range.
    """
    config = load_config(path) if path else GhostposeConfig()
    changed = {
        name: updated(getattr(config, name), given, f"--{name}") for name, given in sections.items()
    }
    return config.model_copy(update=changed)


def with_cameras(
    config: GhostposeConfig,
    sources: Sequence[str],
    given: Mapping[str, object],
    new: Mapping[str, object] | None = None,
) -> GhostposeConfig:
    """Add a camera for each source; options that were given hold for all cameras.

    `new` holds what only the added recordings begin with.

    Raises:
        ConfigError: an option is out of range.
    """
    cameras = [updated(camera, given) for camera in config.cameras]
    for source in sources:
        name = camera_name_from(source, {camera.name for camera in cameras})
        begins = {} if new is None or is_live(source) else new
        values = {**begins, **_set(given), "name": name, "source": source}
        cameras.append(_checked(CameraConfig, values))
    return config.model_copy(update={"cameras": tuple(cameras)})


def without_paused(config: GhostposeConfig) -> GhostposeConfig:
    """Return the configuration with only those cameras that are to be played."""
    cameras = tuple(camera for camera in config.cameras if not camera.paused)
    return config.model_copy(update={"cameras": cameras})


def updated(model: Model, given: Mapping[str, object], owner: str = "") -> Model:
    """Return `model` with the settings in `given` that are not None, checked.

    `owner` is the option that sets a section's `url` or `processes` (`--redis`, `--inference`).

    Raises:
        ConfigError: a setting is out of range.
    """
    return _checked(type(model), {**model.model_dump(exclude_unset=True), **_set(given)}, owner)


def threads_each(config: GhostposeConfig, cores: int | None = None) -> int:
    """Share the cores out between the inference processes; at least one each.

    A deterministic process has one: sums in another order are other sums.
    """
    if config.inference.threads:
        return config.inference.threads
    if config.inference.deterministic:
        return 1
    cores = cores or len(os.sched_getaffinity(0))
    return max(1, cores // config.inference.processes)


def worker_options(config: GhostposeConfig) -> WorkerOptions:
    """Return what an inference process of this deployment is told."""
    inference = config.inference
    return WorkerOptions(
        engine=inference.engine,
        device=inference.device,
        precision=inference.precision,
        weights=inference.weights,
        threads=threads_each(config),
        batch=inference.batch,
        maps=inference.maps,
        deterministic=inference.deterministic,
        expect=tuple(_width_and_height(size) for size in inference.expect),
    )


def _width_and_height(size: str) -> tuple[int, int]:
    width, height = size.split("x")
    return int(width), int(height)


def _set(given: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if value is not None}


def _checked(kind: type[Model], values: Mapping[str, object], owner: str = "") -> Model:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        option = _option(first["loc"], owner)
        raise ConfigError(f"{option}{reason[:1].lower()}{reason[1:]}") from error


def _option(loc: tuple[int | str, ...], owner: str) -> str:
    """Return the option that set the value at `loc`, with a colon."""
    if not loc:
        return ""
    if loc[0] in ("url", "processes", "listen"):
        return f"{owner}: "
    return f"--{loc[0]}: ".replace("_", "-")
