"""Every decoder and parser of bytes from outside, with real messages of its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np
import samples

from ghostpose.client.batches import Batch, decode_batch
from ghostpose.codec.camera_settings import (
    decode_camera_lease,
    decode_registered,
    encode_settings,
)
from ghostpose.codec.camera_state import CameraState, decode_camera_state, encode_camera_state
from ghostpose.codec.entries import StreamEntry
from ghostpose.codec.images import decode_picture, encode_picture
from ghostpose.codec.letters import decode_letter
from ghostpose.codec.maps import encode_maps
from ghostpose.codec.messages import (
    decode_frame,
    decode_maps_entry,
    encode_end_header,
    encode_frame_header,
    encode_gap_header,
    encode_maps_header,
)
from ghostpose.codec.picture_files import decode_picture_file
from ghostpose.codec.poses import decode_event, encode_event, encode_pose
from ghostpose.codec.preview import Preview, decode_preview, encode_preview
from ghostpose.codec.recording import MARK, packed_frame, packed_pose, read_recording
from ghostpose.codec.registry import (
    CameraEntry,
    Heartbeat,
    decode_camera,
    decode_heartbeat,
    encode_camera,
    encode_heartbeat,
)
from ghostpose.config import CameraConfig
from ghostpose.config_file import load_config
from ghostpose.errors import ConfigError, DecodeError, InvalidValueError, SourceError
from ghostpose.types import EventMessage, FrameId, FrameMessage
from ingest.sources.address import parse_address
from postprocess.store.keypoints import pack_keypoints, unpack_keypoints
from postprocess.store.rows import event_row, gap_row, session_row
from postprocess.tracking import Tracker, TrackerOptions
from postprocess.tracking.state import decode_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT: Final = Path(__file__).parents[2]
Fields = dict[bytes, bytes]


class Target(NamedTuple):
    """A decoder of messages of one kind. A message is bytes, or the fields of a stream entry.

    `refusals`: the errors that it may raise; `weight`: how often it comes up, for its cost.
    """

    name: str
    messages: tuple[bytes | Fields, ...]
    decode: Callable[[bytes | Fields], object]
    refusals: tuple[type[Exception], ...] = (DecodeError,)
    weight: int = 10


def targets(folder: Path) -> list[Target]:
    """Return all; `folder` is for those that read files."""
    return [*_entries(), *_json(), *_pictures(), *_others(folder)]


_FRAME_ID = FrameId("lobby", 1_700_000_000_000, 4, 9)
_ID: Final = {b"c": b"lobby", b"s": b"1700000000000", b"q": b"4", b"t": b"9"}


def _picture_hw3() -> np.ndarray:
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 3, rows + columns], axis=2).astype(np.uint8)


def _entries() -> list[Target]:
    frames: list[bytes | Fields] = []
    for codec in ("jpeg", "raw"):
        picture = encode_picture(_picture_hw3(), codec)
        header = encode_frame_header(samples.info(), picture)
        frames.append(_ID | {b"h": header, b"p": picture.data})
    frame = FrameMessage(_FRAME_ID, samples.info(), encode_picture(_picture_hw3()), 1)
    header = encode_maps_header(frame, published_ms=1, wait_ms=1.5, inference_ms=2.5)
    maps: list[bytes | Fields] = [
        _ID | {b"k": b"maps", b"h": header, b"p": encode_maps(samples.maps(6, 8), codec)}
        for codec in ("compact", "float16")
    ]
    others: list[bytes | Fields] = [
        _ID | {b"k": b"gap", b"h": encode_gap_header("stale"), b"p": b""},
        _ID | {b"k": b"end", b"h": encode_end_header(7, {"rate": 3}, 1), b"p": b""},
    ]
    letter = {b"why": b"poison", b"detail": b"tested", b"from": b"{gp:3}:frames"}
    return [
        Target("frame", tuple(frames), _decode_whole_frame, weight=20),
        Target("maps", tuple(maps), lambda entry: decode_maps_entry(_fields(entry), 1), weight=20),
        Target("gap and end", tuple(others), lambda entry: decode_maps_entry(_fields(entry), 1)),
        Target(
            "dead letter",
            tuple({**letter, **_fields(one)} for one in frames),
            lambda entry: _letter(_fields(entry)),
            (InvalidValueError,),
        ),
    ]


def _fields(entry: bytes | Mapping[bytes, bytes]) -> Fields:
    assert not isinstance(entry, bytes)
    return dict(entry)


def _decode_whole_frame(entry: bytes | Fields) -> object:
    return decode_picture(decode_frame(_fields(entry), 1).picture)


def _letter(fields: Fields) -> object:
    letter = decode_letter(3, StreamEntry("1-1", fields))
    assert (letter.why + letter.detail + letter.stream).isprintable()
    return letter.frame_message()


def _json() -> list[Target]:
    pose = encode_pose(samples.pose(_FRAME_ID, people=2))
    event = encode_event(EventMessage("gap", "lobby", 7, 3, {"reason": "stale"}))
    camera = CameraEntry(
        partition=3,
        poses_key="{gp:3}:poses:lobby",
        events_key="{gp:3}:events:lobby",
        preview_key="{gp:3}:preview:lobby",
        policy="latest",
    )
    beat = Heartbeat("host-1", "infer", "0.1.0", "host", 17, {"fps": 9.5}, 1.7e9)
    settings = CameraConfig(name="lobby", source="rtsp://10.0.0.9/live", region=(1, 2, 3, 4))
    state = CameraState("lobby", "waiting", 1.7e9, "ingest-1", "host", 17, problem="no answer")
    lease = {"token": 5, "until": 1_700_000_000_000, "cost": 0.5, "owner": "ingest-1"}
    return [
        Target("pose", ({b"d": pose, b"p": b"17"},), _client_reads),
        Target("event", ({b"d": event},), _client_reads),
        Target(
            "event's row",
            tuple(map(encode_event, _EVENTS)),
            lambda raw: _row_of(decode_event(_bytes(raw))),
            (DecodeError, InvalidValueError),
        ),
        Target("camera row", (encode_camera(camera),), lambda raw: decode_camera(_bytes(raw))),
        Target(
            "heartbeat", (encode_heartbeat(beat),), lambda raw: decode_heartbeat("w", _bytes(raw))
        ),
        Target(
            "registry row",
            (b'{"revision":3,"settings":%s}' % encode_settings(settings),),
            lambda raw: decode_registered("lobby", _bytes(raw)),
        ),
        Target(
            "camera state",
            (encode_camera_state(state),),
            lambda raw: decode_camera_state(_bytes(raw)),
        ),
        Target(
            "camera lease",
            (json.dumps(lease).encode(),),
            lambda raw: decode_camera_lease("lobby", _bytes(raw)),
        ),
    ]


_EVENTS: Final = (
    EventMessage("gap", "lobby", 7, 3, {"reason": "stale"}),
    EventMessage("session_end", "lobby", 7, 3, {"frames_read": 4, "skipped": {"rate": 1}}),
    EventMessage(
        "enter", "lobby", 7, 3, {"track": "lobby-4", "zone": "door", "captured_at": 1.7e9}
    ),
)


def _row_of(event: EventMessage) -> object:
    """Return an event's row, as the store writes it and the dashboard sends it on."""
    make = {"gap": gap_row, "session_end": session_row}.get(event.kind, event_row)
    return json.dumps(make(1, event), allow_nan=False, ensure_ascii=False).encode()


def _bytes(raw: bytes | Fields) -> bytes:
    assert isinstance(raw, bytes)
    return raw


def _client_reads(entry: bytes | Fields) -> object:
    """A reader passes over what it can't decode, and says so; it never raises."""
    one = [StreamEntry("1-1", _fields(entry))]
    is_event = b"p" not in _fields(entry)
    batch = Batch("lobby", events=one) if is_event else Batch("lobby", poses=one)
    return decode_batch(batch)


def _pictures() -> list[Target]:
    files: list[bytes | Fields] = []
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".tiff"):
        done, data = cv2.imencode(suffix, _picture_hw3())
        assert done
        files.append(data.tobytes())
    jpeg = encode_picture(_picture_hw3()).data
    place = samples.info().placement
    preview = Preview("lobby", 7, 3, 1.7e9, 0.5, 768, 576, place, "none", 64, 48, jpeg)
    return [
        Target("picture file", tuple(files), lambda raw: decode_picture_file(_bytes(raw))),
        Target("preview", (encode_preview(preview),), lambda raw: decode_preview(_bytes(raw))),
    ]


def _others(folder: Path) -> list[Target]:
    tracker = Tracker("lobby", TrackerOptions())
    tracker.start_session(7)
    for number in range(3):
        tracker.update((samples.person(1, None), samples.person(2, None)), 0.1 * number)
    site = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    yaml = site.split("```yaml\n")[1].split("```")[0].encode()
    addresses = (b"folder:/videos/door?fps=25", b"pattern:people=3&frames=9", b"rtsp://a:b@c/d")
    return [
        Target("tracker state", (tracker.state(),), lambda raw: decode_state(_bytes(raw))),
        Target(
            "stored key points",
            (pack_keypoints(samples.person().keypoints_k3),),
            lambda raw: unpack_keypoints(_bytes(raw)),
        ),
        Target(
            "configuration",
            (yaml, json.dumps({"cameras": [{"source": "a.mp4"}]}).encode()),
            lambda raw: _load(folder / "site.yaml", _bytes(raw)),
            (ConfigError,),
            weight=1,
        ),
        Target(
            "recording",
            (_recording(),),
            lambda raw: _read_recording(folder / "lobby.gprec", _bytes(raw)),
            weight=2,
        ),
        Target(
            "address",
            addresses,
            lambda raw: parse_address("lobby", _bytes(raw).decode("utf-8", "replace")),
            (SourceError,),
        ),
    ]


def _recording() -> bytes:
    picture = encode_picture(_picture_hw3())
    frame = _ID | {b"h": encode_frame_header(samples.info(), picture), b"p": picture.data}
    return MARK + packed_frame(frame) + packed_pose(encode_pose(samples.pose(_FRAME_ID)))


def _read_recording(path: Path, data: bytes) -> object:
    path.write_bytes(data)
    return read_recording(path)


def _load(path: Path, text: bytes) -> object:
    path.write_bytes(text)
    return load_config(path)
