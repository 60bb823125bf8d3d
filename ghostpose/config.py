"""What a deployment is told: YAML read once, at start, into frozen models.

`load_config` reads a file; every mistake in it is one sentence that names the file, the line, the
setting and the nearest known one. Units are in the names: `_s` seconds, `_ms` milliseconds.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ghostpose.errors import ConfigError
from ghostpose.redaction import without_password
from ghostpose.types import (
    CAMERA_NAME_PATTERN,
    DEFAULT_PARTITIONS,
    MapsCodec,
    PictureCodec,
    Policy,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

MAX_FILE_BYTES: Final = 1_000_000
"""A larger configuration file is refused before it is read."""

MAX_NODES: Final = 100_000
"""YAML values a file may hold once its aliases are written out; more is an alias bomb."""

MAX_NAME_CHARS: Final = 64
"""Length of the longest camera name."""

DEFAULT_REDIS_URL: Final = "redis://127.0.0.1:6379/0"

DEFAULT_HEIGHT_PX: Final = 368
"""Network height that pictures are resized to; people far away need more."""


class _Frozen(BaseModel):
    # Input may hold a password, and pydantic would show it in traces.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) else value


Precision = Literal["auto", "f32", "bf16", "f16"]
"""What the network computes with; the same names as the engines'."""

Region = tuple[
    Annotated[int, Field(ge=0)],
    Annotated[int, Field(ge=0)],
    Annotated[int, Field(ge=1)],
    Annotated[int, Field(ge=1)],
]
"""x, y, width, height in source pixels."""


class CameraConfig(_Frozen):
    """One camera or recording: where it comes from and how its pictures are prepared."""

    name: str = Field(pattern=rf"^{CAMERA_NAME_PATTERN.pattern}$")
    """1 to 64 letters, digits, `_`, `.` or `-`; unique in a deployment. Without one it is made from
    the source: the file's stem, `-2` and so on if that is taken."""

    source: str = Field(min_length=1, max_length=4096)
    """A video file, a folder of pictures (`folder:PATH?fps=25`), an address, or a test pattern
    (`pattern:people=3&frames=100`). An address's password is best written as `${env:NAME}` or
    `${file:PATH}`."""

    policy: Policy = "latest"
    """`latest`: live, the newest frame wins and skips are counted; `every`: recordings, ingest
    waits. What `ghostpose run` is given by name on its command line is `every`."""

    fps: float | None = Field(default=None, gt=0, le=1000)
    """At most so many frames a second of media time; the others are skipped and counted."""

    height: int = Field(default=DEFAULT_HEIGHT_PX, ge=64, le=4096)
    """The network's height in pixels, which pictures are resized to, aspect ratio kept. People far
    away are small: give them more rows."""

    region: Region | None = None
    """`[x, y, width, height]` in source pixels: only this part of the picture is looked at."""

    credit: int = Field(default=4, ge=1, le=1024)
    """Frames this camera may have in flight between ingest and commit; bounds memory and delay."""

    picture: PictureCodec = "jpeg"
    """How pictures travel: `jpeg` is a tenth of the bytes and as quick, `raw` is exact and costs no
    coding."""

    quality: int = Field(default=90, ge=1, le=100)
    """JPEG quality, 1 to 100; unused under `raw`."""

    max_age_ms: float = Field(default=0, ge=0)
    """Frames older than this are skipped before inference (policy `latest`); 0 = never."""

    start_s: float = Field(default=0, ge=0)
    """Where in a recording to begin, seconds of media time."""

    mirror: bool = False
    """Swap left and right before all else: region and results are in the mirrored picture."""

    loop: bool = False
    """Play a recording again and again as one session with growing media time, until stopped."""

    recorded_at: AwareDatetime | None = None
    """When a recording's media time 0 was, with a time zone: makes `captured_at` true. None = the
    file's creation time, else when it is read."""

    @field_validator("source")
    @classmethod
    def _address_holds_no_spaces(cls, source: str) -> str:
        if "://" in source and re.search(r"\s", source):
            raise ValueError("an address holds no spaces; write %20")
        return source

    @model_validator(mode="after")
    def _age_is_for_live_cameras(self) -> CameraConfig:
        if self.max_age_ms and self.policy == "every":
            raise ValueError("max_age_ms has no meaning under policy 'every': it skips nothing")
        return self


class RedisConfig(_Frozen):
    """The server everything meets at."""

    url: str = Field(default=DEFAULT_REDIS_URL, pattern=r"^(redis|rediss|unix)://")
    """`redis://`, `rediss://` (TLS) or `unix://`. `ghostpose run` starts a server of its own if
    this is not given."""

    partitions: int = Field(default=DEFAULT_PARTITIONS, ge=1, le=1024)
    """Hash slots the cameras are spread over: the most post-processing processes that share the
    work. Fixed when the deployment is created, and only read then."""


class InferenceConfig(_Frozen):
    """How the network runs."""

    processes: int = Field(default=1, ge=1, le=256)
    """Inference processes that `ghostpose run` starts."""

    engine: str = "auto"
    """`auto`, `openvino`, `torch`, or `stub:MS`, which waits MS milliseconds and finds the same
    people in every picture."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1` and so on."""

    precision: Precision = "auto"
    """`auto`, `f32`, `f16` or `bf16`."""

    weights: Path | None = None
    """Weights or network file; none = the network that comes with ghostpose."""

    threads: int = Field(default=0, ge=0, le=1024)
    """CPU threads a process; 0 = the cores divided by the inference processes."""

    batch: int = Field(default=0, ge=0, le=256)
    """Most frames in one step of the network; 0 = what suits the device."""

    maps: MapsCodec = "compact"
    """How maps travel: `compact` is small, `float16` nearly exact."""

    deterministic: bool = False
    """One frame at a time in f32: equal input gives equal poses."""


class PostprocessConfig(_Frozen):
    """How maps become people and tracks."""

    processes: int = Field(default=1, ge=1, le=256)
    """Post-processing processes that `ghostpose run` starts."""


class StoreConfig(_Frozen):
    """Where tracks and poses are kept."""

    url: str | None = None
    """An SQLAlchemy address such as `sqlite:///poses.sqlite`; none = nothing is stored. `ghostpose
    run --output DIR` stores to `DIR/ghostpose.sqlite` unless told otherwise."""


class GhostposeConfig(_Frozen):
    """A whole deployment, as one YAML file says it."""

    redis: RedisConfig = RedisConfig()
    cameras: tuple[CameraConfig, ...] = ()
    inference: InferenceConfig = InferenceConfig()
    postprocess: PostprocessConfig = PostprocessConfig()
    store: StoreConfig = StoreConfig()

    @field_validator("cameras", mode="before")
    @classmethod
    def _name_cameras(cls, cameras: object) -> object:
        return _with_names(cameras) if isinstance(cameras, list | tuple) else cameras

    @field_validator("cameras", mode="after")
    @classmethod
    def _names_are_unique(cls, cameras: tuple[CameraConfig, ...]) -> tuple[CameraConfig, ...]:
        counts = Counter(camera.name for camera in cameras)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"two cameras are named {twice[0]!r}; names must be unique")
        return cameras


def camera_name_from(source: str, taken: Collection[str] = ()) -> str:
    """Make a camera's name from its source: the file's stem, `-2` and so on if it is taken.

    Anything outside letters, digits, `_`, `.` and `-` becomes `_`. Of an address only the path's
    last part or the host is used, never a password.
    """
    base = re.sub(r"[^A-Za-z0-9_.-]", "_", _stem(source))[:MAX_NAME_CHARS] or "camera"
    name, number = base, 1
    while name in taken:
        number += 1
        suffix = f"-{number}"
        name = base[: MAX_NAME_CHARS - len(suffix)] + suffix
    return name


def _stem(source: str) -> str:
    if source.startswith("pattern:"):
        return "pattern"
    if "://" not in source:
        path = re.sub(r"^file:|^folder:([^?]*).*", r"\1", source)
        return PurePosixPath(path).stem
    try:
        parts = urlsplit(source)
        return PurePosixPath(parts.path).stem or parts.hostname or ""
    except ValueError:
        return ""  # no address after all; whoever opens it will say so


def _with_names(cameras: Sequence[object]) -> list[object]:
    """Give each camera without a name one made from its source."""
    taken = {str(c["name"]) for c in cameras if isinstance(c, dict) and _has(c, "name")}
    named: list[object] = []
    for camera in cameras:
        if isinstance(camera, dict) and "name" not in camera and _has(camera, "source"):
            name = camera_name_from(str(camera["source"]), taken)
            taken.add(name)
            named.append({"name": name, **camera})
        else:
            named.append(camera)
    return named


def _has(camera: object, key: str) -> bool:
    return isinstance(camera, dict) and isinstance(camera.get(key), str)


def load_config(path: Path) -> GhostposeConfig:
    """Read a configuration file.

    Raises:
        ConfigError: the file can't be read, is no YAML, is too large, or says something unknown
            or out of range; one sentence with the path in the file and the nearest known key.
    """
    root = _compose(path, _read_text(path))
    if root is None:
        return GhostposeConfig()
    _check_nodes(path, root)
    data = _construct(path, root)
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: wanted settings as 'name: value', got {type(data).__name__}")
    try:
        return GhostposeConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_sentence(path, root, error)) from error


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ConfigError(
                f"{path}: {size} bytes is no configuration ({MAX_FILE_BYTES} at most)"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no text in UTF-8 (byte {error.start})") from error


def _compose(path: Path, text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{path}, line {line}: is no YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path}: is no YAML: {reason}") from error


def _construct(path: Path, root: yaml.Node) -> object:
    try:
        return yaml.SafeLoader("").construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}, line {_line(root)}: {error.problem}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _check_nodes(path: Path, root: yaml.Node) -> None:
    """Check nodes before values are made of them: no bombs, no loops, no key given twice."""
    sizes: dict[int, int] = {}
    if _written_out(path, root, sizes) > MAX_NODES:
        raise ConfigError(f"{path}: its aliases stand for over {MAX_NODES} values; write fewer")


def _written_out(path: Path, node: yaml.Node, sizes: dict[int, int]) -> int:
    """Count `node` and all below it with aliases written out, in time linear in the file."""
    known = sizes.get(id(node))
    if known == 0:
        raise ConfigError(f"{path}, line {_line(node)}: an alias contains itself")
    if known is not None:
        return known
    sizes[id(node)] = 0
    size = 1 + sum(_written_out(path, child, sizes) for child in _children(path, node))
    sizes[id(node)] = size
    return size


def _children(path: Path, node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        keys = Counter(str(key.value) for key, _ in node.value)
        twice = [key for key, count in keys.items() if count > 1 and key != "<<"]
        if twice:
            raise ConfigError(f"{path}, line {_line(node)}: {twice[0]!r} is given twice")
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _sentence(path: Path, root: yaml.Node, error: ValidationError) -> str:
    """Say the first mistake of a file in one sentence, and how many others there are."""
    first, *others = error.errors(include_url=False)
    where = f"{path}, line {_line(_node_at(root, first['loc']))}"
    rest = f" (and {len(others)} more)" if others else ""
    return f"{where}: {_mistake(first['loc'], first['type'], first['msg'])}{rest}"


def _mistake(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    name = _dotted(loc)
    if kind == "extra_forbidden":
        known = _known_keys(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return f"{name} is no known setting; {hint}"
    if kind == "missing":
        return f"{name} is missing"
    reason = message.removeprefix("Value error, ")
    return f"{name}: {reason[:1].lower()}{reason[1:]}"


def _dotted(loc: tuple[int | str, ...]) -> str:
    """`("cameras", 0, "height")` as `cameras[0].height`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in loc).lstrip(".")


_SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "redis": RedisConfig,
    "cameras": CameraConfig,
    "inference": InferenceConfig,
    "postprocess": PostprocessConfig,
    "store": StoreConfig,
}


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    model = _SECTIONS[str(loc[0])] if loc else GhostposeConfig
    return list(model.model_fields)


def _node_at(node: yaml.Node, loc: tuple[int | str, ...]) -> yaml.Node:
    """Follow `loc` down the file as far as it goes; the node where it ends (a key's own node)."""
    if not loc:
        return node
    if isinstance(node, yaml.SequenceNode) and isinstance(loc[0], int) and loc[0] < len(node.value):
        return _node_at(node.value[loc[0]], loc[1:])
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == loc[0]:
                return _node_at(value, loc[1:]) if loc[1:] else key
    return node
