"""The AsyncAPI 3 document of what programs may read: `python -m app.asyncapi > docs/asyncapi.yaml`.

Made from the table of streams, the mirror's topics and the messages' schemas.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import yaml

from app.mirror.messages import STATUS_WHEN_GONE, Topics
from ghostpose.codec.messages import PROTOCOL_MAJOR, PROTOCOL_MINOR
from ghostpose.codec.schemas import camera_status_schema, event_schema, pose_schema
from ghostpose.config import MirrorConfig
from ghostpose.topics import CAMERAS_KEY, TOPICS, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

OF_STREAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "frames": ("frame",),
    "maps": ("maps",),
    "poses": ("pose",),
    "events": ("event",),
    "dead": ("deadLetter",),
}
"""Name of a stream -> the messages it carries."""

OF_MIRROR: Final[Mapping[str, str]] = {
    "poses": "pose",
    "events": "event",
    "state": "cameraState",
    "people": "people",
}
"""Last part of a mirrored camera's topic -> the message it carries."""


def document() -> Json:
    """Return the document as plain values."""
    topics = Topics(MirrorConfig().topic)
    channels = {topic.name: _stream(topic) for topic in TOPICS}
    channels |= {
        f"mqtt_{what}": _mirrored(topics.of("{camera}", what), message)
        for what, message in OF_MIRROR.items()
    }
    channels["mqtt_status"] = _channel("mqtt", topics.status, ("mirrorStatus",))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ghostpose",
            "version": f"{PROTOCOL_MAJOR}.{PROTOCOL_MINOR}",
            "description": "People's skeletons from many cameras: Redis streams, and what"
            " `ghostpose mirror` tells an MQTT broker. docs/messages.md says the same in words.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "redis": {"host": "127.0.0.1:6379", "protocol": "redis"},
            "mqtt": {"host": "127.0.0.1:1883", "protocol": "mqtt"},
        },
        "channels": channels,
        "operations": {f"send_{name}": _send(name, one) for name, one in channels.items()},
        "components": {"messages": _messages()},
    }


def as_yaml() -> str:
    """Return the document as YAML."""
    return yaml.dump(document(), Dumper=_Plain, sort_keys=False, width=100, allow_unicode=True)


def _stream(topic: Topic) -> Json:
    """Return a stream's channel. Its key is looked up, so there is no address to be put together.

    Braces in keys are Redis hash tags and no parameters, which AsyncAPI has no way to say.
    """
    redis = {
        "type": "stream",
        "key": topic.key.format(p="<partition>", camera="<camera>"),
        "field": "d" if topic.name in ("poses", "events") else None,
        "group": topic.group,
        "bound": topic.bound,
    }
    return {
        **_channel("redis", None, OF_STREAMS[topic.name]),
        "description": f"{topic.payload}. Written by {topic.producer}, read by {topic.consumer}."
        f" Keys of a camera's streams are in the hash {CAMERAS_KEY}.",
        "x-redis": {name: value for name, value in redis.items() if value is not None},
    }


def _mirrored(address: str, message: str) -> Json:
    parameters = {"camera": {"description": "The camera's name."}}
    return {**_channel("mqtt", address, (message,)), "parameters": parameters}


def _channel(server: str, address: str | None, messages: tuple[str, ...]) -> Json:
    return {
        "address": address,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _send(name: str, channel: Json) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{one}"} for one in channel["messages"]],
    }


def _messages() -> Json:
    binary = "application/octet-stream"
    return {
        "pose": {"title": "Pose message", "payload": pose_schema()},
        "event": {"title": "Event", "payload": event_schema()},
        "frame": {
            "title": "Frame, internal",
            "contentType": binary,
            "payload": _entry("c", "s", "q", "t", "h", "p"),
        },
        "maps": {
            "title": "Maps, gap or end of a session, internal",
            "contentType": binary,
            "payload": _entry("k", "c", "s", "q", "t", "h", "p"),
        },
        "deadLetter": {
            "title": "Frame given up, internal",
            "contentType": binary,
            "payload": _entry("why", "detail", "from"),
        },
        "cameraState": {"title": "What a camera does", "payload": _state_schema()},
        "people": {
            "title": "How many people are in the picture",
            "payload": {"type": "integer", "minimum": 0},
        },
        "mirrorStatus": {
            "title": "Whether the mirror is connected",
            "contentType": "text/plain",
            "payload": {"enum": ["online", "offline"]},
        },
    }


def _entry(*names: str) -> Json:
    """Return the schema of a stream entry's fields, which are bytes."""
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "required": list(names), "properties": properties}


def _state_schema() -> Json:
    text, seconds = {"type": "string"}, {"type": "number", "minimum": 0}
    properties = {
        "status": camera_status_schema(STATUS_WHEN_GONE),
        "since": seconds,
        "problem": {"type": ["string", "null"]},
        "problem_at": seconds,
        "session": {"type": "integer", "minimum": 0},
        "source": text,
        "host": text,
        "reconnects": {"type": "integer", "minimum": 0},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


class _Plain(yaml.SafeDumper):
    """Writes the same value twice rather than by an alias."""

    def ignore_aliases(self, _: object) -> bool:
        return True


if __name__ == "__main__":
    sys.stdout.write(as_yaml())
