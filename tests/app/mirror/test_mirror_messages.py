"""What a broker is told, as data; addresses of brokers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.mirror.address import broker_address
from app.mirror.loop import Pace
from app.mirror.messages import Topics
from ghostpose.codec.camera_state import CameraCounts, CameraState
from ghostpose.config import MirrorConfig
from ghostpose.errors import ConfigError, SecretError

if TYPE_CHECKING:
    from pathlib import Path

TOPICS = Topics("ghostpose")
STATE = CameraState(
    "hall.1", "playing", 100.0, "w", "host", 7, session=5, source="H.264 640x480",
    counts=CameraCounts(read=9, published=9, reconnects=2), at=200.0,
)  # fmt: skip


def test_a_state_says_what_the_camera_does() -> None:
    message = TOPICS.state(STATE, 201.0)
    told = json.loads(message.payload)
    assert (message.topic, message.retained) == ("ghostpose/hall.1/state", True)
    assert (told["status"], told["session"], told["reconnects"]) == ("playing", 5, 2)


def test_frames_that_come_are_no_news() -> None:
    later = replace(STATE, at=202.0, last_seen=202.0, counts=CameraCounts(read=30, reconnects=2))
    assert TOPICS.state(STATE, 201.0) == TOPICS.state(later, 203.0)


def test_a_camera_whose_process_fell_silent_is_gone() -> None:
    assert json.loads(TOPICS.state(STATE, 300.0).payload)["status"] == "gone"


def test_home_assistant_is_told_of_two_entities_of_one_device() -> None:
    people, playing = TOPICS.discovery("hall.1", "homeassistant")
    assert people.topic == "homeassistant/sensor/ghostpose_hall_1/people/config"
    assert playing.topic == "homeassistant/binary_sensor/ghostpose_hall_1/playing/config"
    first, second = json.loads(people.payload), json.loads(playing.payload)
    assert first["state_topic"] == "ghostpose/hall.1/people"
    assert first["device"] == second["device"]
    assert first["unique_id"] != second["unique_id"]
    assert {"topic": "ghostpose/status"} in first["availability"]
    assert {"topic": "ghostpose/status"} in second["availability"]
    plays = first["availability"][1]
    assert plays["topic"] == second["state_topic"] == "ghostpose/hall.1/state"
    assert "'online' if value_json.status == 'playing'" in plays["value_template"]


def test_a_camera_that_is_no_more_leaves_no_retained_topic() -> None:
    topics = {message.topic for message in TOPICS.forgotten("hall.1", "homeassistant")}
    assert {one.topic for one in TOPICS.discovery("hall.1", "homeassistant")} < topics
    assert all(message.payload == b"" for message in TOPICS.forgotten("hall.1", None))
    assert len(TOPICS.forgotten("hall.1", None)) == 2


def test_a_pace_lets_each_camera_pass_once_an_interval() -> None:
    pace = Pace(500)
    passed = [at for at in range(0, 2000, 100) if pace.allows("a", at)]
    assert passed == [0, 500, 1000, 1500]
    assert pace.allows("b", 1900)
    assert pace.allows("a", 5), "the server's clock was set back"
    assert all(Pace(0).allows("a", 1) for _ in range(3))


@pytest.mark.parametrize(
    ("url", "shown", "user"),
    [
        ("mqtt://broker", "mqtt://broker:1883", None),
        ("mqtts://broker/", "mqtts://broker:8883", None),
        ("mqtt://me@10.0.0.7:1234", "mqtt://10.0.0.7:1234", "me"),
        ("mqtts://me:p%40ss@[::1]:8883", "mqtts://::1:8883", "me"),
    ],
)
def test_an_address_is_taken_apart(url: str, shown: str, user: str | None) -> None:
    address = broker_address(url)
    assert (str(address), address.user) == (shown, user)
    assert "p@ss" not in repr(address)


def test_a_password_is_looked_up_where_the_address_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "a b/@:")
    assert broker_address("mqtt://me:${env:MQTT_PASSWORD}@broker").password == "a b/@:"
    (tmp_path / "pw").write_text("from file\n")
    address = broker_address(f"mqtt://me:${{file:{tmp_path}/pw}}@broker")
    assert (address.password, address.host) == ("from file", "broker")
    with pytest.raises(SecretError, match="NOT_SET"):
        broker_address("mqtt://me:${env:NOT_SET}@broker")


@pytest.mark.parametrize(
    "url", ["http://broker", "broker", "mqtt://", "mqtt://broker:x", "mqtt://broker/topic", ""]
)
def test_what_is_no_address_is_one_sentence(url: str) -> None:
    with pytest.raises(ConfigError, match="no address of an MQTT broker"):
        broker_address(url)


def test_the_password_is_in_no_error() -> None:
    with pytest.raises(ConfigError) as caught:
        broker_address("http://me:secret@broker")
    assert "secret" not in str(caught.value)


def test_missing_certificates_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"certificates .*none\.pem isn't there"):
        broker_address("mqtts://broker", tmp_path / "none.pem")


@pytest.mark.parametrize("topic", ["", "/a", "a/+/b", "a#", "a b"])
def test_a_prefix_that_is_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        MirrorConfig(topic=topic)
