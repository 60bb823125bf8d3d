"""What a deployment is told, as frozen models; `ghostpose.config_file` reads them from YAML.

The docstring under a setting is what the configuration reference says of it. Units are in the
names: `_s` seconds, `_ms` milliseconds.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, Field, field_validator, model_validator

from ghostpose.dashboard import DashboardConfig
from ghostpose.frozen import Frozen
from ghostpose.jobs_config import JobsConfig
from ghostpose.live import is_live
from ghostpose.metrics_config import MetricsConfig
from ghostpose.rules import GroundPairs, LineConfig, Posture, Rules, ZoneConfig
from ghostpose.types import (
    DEFAULT_PARTITIONS,
    MapsCodec,
    PictureCodec,
    Policy,
    PrivacyMode,
    check_camera_name,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MAX_NAME_CHARS: Final = 64
"""Length of the longest camera name."""

DEFAULT_REDIS_URL: Final = "redis://127.0.0.1:6379/0"

DEFAULT_HEIGHT_PX: Final = 368
"""Network height that pictures are resized to; people far away need more."""


Precision = Literal["auto", "f32", "bf16", "f16", "int8"]
"""What the network computes with; the same names as the engines'."""

Transport = Literal["tcp", "udp"]
"""How an RTSP stream travels."""

Decode = Literal["auto", "all", "keyframes"]
"""Which pictures of a stream are decoded."""

Region = tuple[
    Annotated[int, Field(ge=0)],
    Annotated[int, Field(ge=0)],
    Annotated[int, Field(ge=1)],
    Annotated[int, Field(ge=1)],
]
"""x, y, width, height in source pixels."""


class CameraConfig(Frozen):
    """One camera or recording: where it comes from and how its pictures are prepared."""

    name: Annotated[str, AfterValidator(check_camera_name)]
    """1 to 64 letters, digits, `_`, `.` or `-`; unique in a deployment. Without one it is made from
    the source: the file's stem, `-2` and so on if that is taken."""

    source: str = Field(min_length=1, max_length=4096)
    """A network or USB camera, a recording, or a test pattern: see Sources. An address's password
    is best written as `${env:NAME}` or `${file:PATH}`."""

    paused: bool = False
    """Known, but not played until it is resumed."""

    host: str | None = Field(default=None, min_length=1, max_length=253)
    """Played by ingest on the machine of this host name only, for what is plugged in there; unused
    outside the registry."""

    policy: Policy = "latest"
    """`latest`: live, the newest frame wins and skips are counted; `every`: recordings, ingest
    waits. A recording that `ghostpose run` is given by name on its command line is `every`."""

    fps: float | None = Field(default=None, gt=0, le=1000)
    """At most so many frames a second of media time; the others are skipped and counted. How often
    a snapshot is fetched, once a second if not given."""

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

    privacy: PrivacyMode = "none"
    """How its pictures are shown: `none` hides nothing, `blur_faces` and `blur_bodies` hide whom
    the network finds, `skeleton` shows skeletons on black and no pixel. See docs/privacy.md."""

    pixels: Literal["short", "never"] = "short"
    """`short`: previews stay for seconds while somebody looks, and pictures that can't be used in
    dead letters; `never`: no picture outlives its frame's time in flight, on a server that writes
    nothing to disk. See docs/privacy.md."""

    max_age_ms: float = Field(default=0, ge=0)
    """Frames older than this are skipped before inference (policy `latest`); 0 = never."""

    transport: Transport = "tcp"
    """How RTSP streams travel: `tcp` loses nothing, `udp` loses what the network loses."""

    decode: Decode = "auto"
    """`all` pictures, or `keyframes` only, which costs a tenth; `auto`: keyframes only where these
    give the `fps` wanted."""

    hardware: str = Field(default="none", pattern=r"^[a-z0-9_]{1,32}$")
    """`none`: streams are decoded in software; `cuda`, `vaapi` and so on, or `auto`, which is
    whatever is there: on that device. Falls back to software, and says so once."""

    tls_verify: bool = True
    """Refuse `https://` and `rtsps://` cameras whose certificate this machine doesn't trust, as it
    is with those that cameras make for themselves."""

    silence_s: float = Field(default=10, ge=1, le=3600)
    """Nothing of a live source for so long: it is opened again."""

    frozen_s: float = Field(default=60, ge=0, le=86400)
    """The same picture of a live source for so long is frozen: not passed on, and the source is
    opened again; 0 = never."""

    start_s: float = Field(default=0, ge=0)
    """Where in a recording to begin, seconds of media time."""

    mirror: bool = False
    """Swap left and right before all else: region and results are in the mirrored picture."""

    loop: bool = False
    """Play a recording again and again as one session with growing media time, until stopped."""

    zones: Annotated[tuple[ZoneConfig, ...], Field(max_length=64)] = ()
    """Areas of the floor whose visitors are events: see docs/events.md."""

    lines: Annotated[tuple[LineConfig, ...], Field(max_length=64)] = ()
    """Lines on the floor whose crossings are events: see docs/events.md."""

    postures: tuple[Posture, ...] = ()
    """Postures that are events: `fall`, `hands_up`. See docs/events.md."""

    ground: GroundPairs = ()
    """Four points of the floor or more, `[[x, y, east, north], ...]`: a pixel, and where it is in
    metres, from one origin for all cameras. Who is seen by two of them: see docs/persons.md."""

    recorded_at: AwareDatetime | None = None
    """When a recording's media time 0 was, with a time zone: makes `captured_at` true. None = the
    file's creation time, else when it is read."""

    @property
    def rules(self) -> Rules:
        """All that the camera watches for."""
        return Rules(zones=self.zones, lines=self.lines, postures=self.postures, ground=self.ground)

    @field_validator("zones", "lines")
    @classmethod
    def _rules_have_names_of_their_own(
        cls, rules: tuple[ZoneConfig | LineConfig, ...]
    ) -> tuple[ZoneConfig | LineConfig, ...]:
        for name, count in Counter(rule.name for rule in rules).items():
            if count > 1:
                raise ValueError(f"two are named {name!r}; names must be unique in a camera")
        return rules

    @property
    def reopens(self) -> bool:
        """Whether it is opened again for ever: a live source that is to be played live."""
        return self.policy == "latest" and is_live(self.source)

    @field_validator("source")
    @classmethod
    def _address_holds_no_spaces(cls, source: str) -> str:
        if "://" in source and re.search(r"\s", source):
            raise ValueError("an address holds no spaces; write %20")
        return source

    @property
    def keeps_pictures(self) -> bool:
        """Whether a picture of this camera may be kept as it is, in a dead letter."""
        return self.pixels != "never" and self.privacy == "none"

    @model_validator(mode="after")
    def _age_is_for_live_cameras(self) -> CameraConfig:
        if self.max_age_ms and self.policy == "every":
            raise ValueError("max_age_ms has no meaning under policy 'every': it skips nothing")
        return self


_SERVER_SCHEMES: Final = (
    *("redis://", "rediss://", "unix://"),
    *("redis+sentinel://", "rediss+sentinel://", "${"),
)


class RedisConfig(Frozen):
    """The server everything meets at."""

    url: str = DEFAULT_REDIS_URL
    """`redis://`, `rediss://` (TLS) or `unix://`; `redis+sentinel://HOST,HOST:PORT/NAME` is the
    master that these sentinels know by that name. See docs/servers.md. `ghostpose run` starts a
    server of its own if this is not given."""

    partitions: int = Field(default=DEFAULT_PARTITIONS, ge=1, le=1024)
    """Hash slots the cameras are spread over: the most post-processing processes that share the
    work. Fixed when the deployment is created, and only read then."""

    budget_mb: int | None = Field(default=None, ge=16, le=10**7)
    """Memory of the server, in millions of bytes, that all cameras together may plan with; how many
    frames each may have in flight and how long its results stay follow from it (docs/messages.md).
    Given to `ghostpose postprocess` or `run` it holds for the deployment until another is given;
    none = as it was, at first 80 % of the server's `maxmemory`, 2000 if it has none."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not url.startswith(_SERVER_SCHEMES):
            raise ValueError("no address of a Redis server, such as redis://127.0.0.1:6379")
        return url


class InferenceConfig(Frozen):
    """How the network runs."""

    processes: int = Field(default=1, ge=1, le=256)
    """Inference processes that `ghostpose run` starts."""

    engine: str = "auto"
    """`auto`, `openvino`, `torch`, or `stub:MS`, which waits MS milliseconds and finds the same
    people in every picture."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1` and so on."""

    precision: Precision = "auto"
    """`auto`, `f32`, `f16`, `bf16` or `int8`; `auto` is the fastest that the device computes
    natively."""

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

    expect: tuple[Annotated[str, Field(pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,3}$")], ...] = ()
    """Sizes of network pictures, such as `656x368`, to compile for at start: the first frame of any
    other size waits for that. `ghostpose run` fills in those of its recordings."""


class PostprocessConfig(Frozen):
    """How maps become people and tracks."""

    processes: int = Field(default=1, ge=1, le=256)
    """Post-processing processes that `ghostpose run` starts."""


class StoreConfig(Frozen):
    """Where tracks and poses are kept."""

    url: str | None = None
    """An SQLAlchemy address such as `sqlite:///poses.sqlite`; none = nothing is stored. `ghostpose
    run --output DIR` stores to `DIR/ghostpose.sqlite` unless told otherwise."""

    keep_days: float | None = Field(default=None, gt=0, le=36500)
    """Frames that came longer ago are removed; none = kept for ever. A recording comes when it is
    read, whenever it was made. See docs/storage.md."""

    max_gb: float | None = Field(default=None, gt=0, le=10**6)
    """The oldest frames are removed until the rest takes at most so many billions of bytes; none =
    no bound."""


class MirrorConfig(Frozen):
    """An MQTT broker that is told what cameras do and whom they see. See docs/mqtt.md."""

    url: str | None = None
    """`mqtt://user:password@host:port`, or `mqtts://` for TLS; none = nothing is mirrored. The
    password is best written as `${env:NAME}` or `${file:PATH}`."""

    topic: str = Field(default="ghostpose", pattern=r"^[^+#/\s][^+#\s]*$", max_length=200)
    """Prefix of all topics: `ghostpose/hall/poses`."""

    cameras: tuple[str, ...] = ()
    """Only these cameras; none = all, those that come later too."""

    rate: float | None = Field(default=None, gt=0, le=1000)
    """At most so many pose messages a second of each camera; the others are left out."""

    ca: Path | None = None
    """A file of certificates to trust under `mqtts://`; none = those of the host."""

    discovery: str | None = Field(default=None, pattern=r"^[^+#/\s][^+#\s]*$", max_length=200)
    """Prefix under which Home Assistant looks for devices, `homeassistant` unless changed there;
    none = it is not told."""


class GhostposeConfig(Frozen):
    """A whole deployment, as one YAML file says it."""

    redis: RedisConfig = RedisConfig()
    cameras: tuple[CameraConfig, ...] = ()
    inference: InferenceConfig = InferenceConfig()
    postprocess: PostprocessConfig = PostprocessConfig()
    store: StoreConfig = StoreConfig()
    jobs: JobsConfig = JobsConfig()
    mirror: MirrorConfig = MirrorConfig()
    dashboard: DashboardConfig = DashboardConfig()
    metrics: MetricsConfig = MetricsConfig()

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
