"""`SETTING=VALUE` of the command line, made into a camera's settings."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Final

import yaml
from pydantic import ValidationError

from ghostpose.config import CameraConfig
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT: Final = ("", "default", "none")
"""A value that takes a setting back to its default."""


def parse_settings(given: Sequence[str]) -> dict[str, object]:
    """Return the settings by name; None: back to the default.

    Values are written as in YAML; a list may leave out its brackets (`region=0,0,640,480`).

    Raises:
        ConfigError: one is no `SETTING=VALUE`, or no setting of a camera.
    """
    settings: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{text!r}: wanted SETTING=VALUE, such as fps=5")
        _check_name(name)
        settings[name] = _value(name, value)
    return settings


def _check_name(name: str) -> None:
    known = [field for field in CameraConfig.model_fields if field != "name"]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise ConfigError(f"{name!r} is no setting of a camera; {hint}")


def _value(name: str, text: str) -> object:
    if text in DEFAULT:
        return None
    if name == "source":
        return text
    try:
        return yaml.safe_load(f"[{text}]" if "," in text and "[" not in text else text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{name}: {text!r} is no value: write it as in YAML") from error


def with_settings(camera: CameraConfig, given: Mapping[str, object]) -> CameraConfig:
    """Return `camera` with the given settings, checked.

    Raises:
        ConfigError: one is out of range, or they don't fit together.
    """
    values = camera.model_dump(exclude_unset=True) | dict(given)
    return make_camera({name: value for name, value in values.items() if value is not None})


def shown_setting(camera: CameraConfig, name: str) -> str:
    """Return a setting as `SETTING=VALUE`, which `parse_settings` takes."""
    value = camera.model_dump(mode="json", include={name})[name]
    if value is None:
        return f"{name}=none"
    return f"{name}={value if isinstance(value, str) else json.dumps(value)}"


def make_camera(values: Mapping[str, object]) -> CameraConfig:
    """Return a camera of these settings.

    Raises:
        ConfigError: one is missing or out of range, or they don't fit together.
    """
    try:
        return CameraConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = f"{'.'.join(map(str, first['loc']))}: " if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"camera {values['name']}: {where}{reason}") from None
