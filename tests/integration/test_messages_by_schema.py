"""Every message of a real run is as the AsyncAPI document says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis
import yaml
from jsonschema import Draft7Validator
from run_support import CLIP, ghostpose

from ghostpose.bus import EmbeddedServer

pytestmark = pytest.mark.timeout(200)

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text("utf-8"))


def test_all_messages_of_a_run_are_valid() -> None:
    messages = DOCUMENT["components"]["messages"]
    pose, event = (Draft7Validator(messages[name]["payload"]) for name in ("pose", "event"))
    with EmbeddedServer() as server, redis.Redis.from_url(server.url) as client:
        options = ("--engine", "stub:1", "--fps", "2", "--height", "128", "--redis", server.url)
        assert ghostpose("run", CLIP, *options, limit_s=150).code == 0
        row = json.loads(client.hget("ghostpose:cameras", "vtest-cut") or b"")
        poses = [json.loads(fields[b"d"]) for _, fields in client.xrange(row["poses"])]
        events = [json.loads(fields[b"d"]) for _, fields in client.xrange(row["events"])]
    assert len(poses) == 48
    assert any(message["people"] for message in poses)
    assert [one["kind"] for one in events] == ["session_start", "session_end"]
    for message in poses:
        pose.validate(message)
    for message in events:
        event.validate(message)
