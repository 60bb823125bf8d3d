"""Logs for programs: an object a line that says what it is about."""

from __future__ import annotations

import json
import logging

import pytest

from ghostpose.logs import LogSettings, about, log_settings, log_to_stderr


@pytest.fixture(autouse=True)
def logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_record_is_one_object_without_passwords_or_forged_lines(capsys) -> None:
    log_to_stderr(logging.INFO, "json")
    assert log_settings() == LogSettings(logging.INFO, "json")
    logging.getLogger("ingest.Camera").warning("camera %s: no %s", "hall", "rtsp://a:pw@h/\nx")
    (record,) = logged(capsys)
    assert (record["level"], record["logger"]) == ("WARNING", "ingest.Camera")
    assert record["camera"] == "hall"
    assert "pw" not in str(record["message"])
    assert "\n" not in str(record["message"])


def test_a_trace_is_part_of_its_record(capsys) -> None:
    log_to_stderr(logging.INFO, "json")
    try:
        raise ValueError("rtsp://a:secret@h/")
    except ValueError:
        logging.getLogger("x").exception("frame hall/17/3 is given up")
    (record,) = logged(capsys)
    assert (record["camera"], record["session"], record["seq"]) == ("hall", 17, 3)
    assert "ValueError" in str(record["trace"])
    assert "secret" not in str(record["trace"])


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("camera hall: played to its end", {"camera": "hall"}),
        ("camera a-1: session 17 from frame 3: h264", {"camera": "a-1", "session": 17}),
        ("frame a.b/17/3 is buried: poison", {"camera": "a.b", "session": 17, "seq": 3}),
        ("a/17/3 becomes a gap: rtsp://b/1/2", {"camera": "a", "session": 17, "seq": 3}),
        ("camera door: no answer at rtsp://b/1/2", {"camera": "door"}),
        ("waits for the server: No Redis server answers at redis://10.0.0.5:6379/0", {}),
        ("every camera plays", {}),
    ],
)  # fmt: skip
def test_it_says_what_it_is_about(message: str, told: dict[str, object]) -> None:
    assert about(message) == told


def test_text_stays_as_it_was(capsys) -> None:
    log_to_stderr(logging.INFO)
    assert log_settings() == LogSettings(logging.INFO, "text")
    logging.getLogger("x").info("camera hall: plays")
    assert capsys.readouterr().err.endswith(" INFO x: camera hall: plays\n")
