"""What may be shown of addresses, wherever they stand."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.config import CameraConfig
from ghostpose.errors import DecodeError, GhostposeError, InvalidValueError, SourceError
from ghostpose.logs import log_to_stderr
from ghostpose.redaction import without_password

REFERENCED = "rtsp://admin:${env:DOOR}@10.0.0.5/live"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:pw@10.0.0.5:554/live?x=1", "rtsp://***@10.0.0.5:554/live?x=1"),
        ("rtsp://admin:p@w@h/live", "rtsp://***@h/live"),
        ("rtsp://admin:a/b?c#d@h/live", "rtsp://***@h/live"),
        ("https://token@h/a.jpg", "https://***@h/a.jpg"),
        ("http://h/snap?user=admin&password=pw&x=1", "http://h/snap?user=admin&password=***&x=1"),
        ("http://h/a?TOKEN=pw", "http://h/a?TOKEN=***"),
        ("rtsp://h/user=admin_password=pw_channel=1.sdp", "rtsp://h/user=admin_password=***"),
        ("can't open 'rtsp://a:b@h/x': refused", "can't open 'rtsp://***@h/x': refused"),
        ("rtsp://a:b@h/1 and rtsp://c:d@h/2", "rtsp://***@h/1 and rtsp://***@h/2"),
        (REFERENCED, REFERENCED),
        ("rtsp://admin:${file:/run/secrets/a}@h/", "rtsp://admin:${file:/run/secrets/a}@h/"),
        ("http://h/?password=${env:DOOR}", "http://h/?password=${env:DOOR}"),
        ("rtsp://admin:${env:DOOR}x@h/", "rtsp://***@h/"),
        ("rtsp://10.0.0.5:554/cam@1/main", "rtsp://10.0.0.5:554/cam@1/main"),
        ("rtsp://10.0.0.5/live", "rtsp://10.0.0.5/live"),
        ("/videos/bypass=1.mp4 mail a@b.c", "/videos/bypass=1.mp4 mail a@b.c"),
    ],
)
def test_a_password_is_hidden_and_a_reference_is_not(text: str, shown: str) -> None:
    assert without_password(text) == shown
    assert without_password(shown) == shown


@given(st.text(st.characters(codec="ascii", exclude_characters="@", categories="LNPS"), min_size=1))
def test_whatever_a_password_holds_it_is_hidden(password: str) -> None:
    shown = without_password(f"rtsp://admin:Zq{password}@camera.example/live")
    assert "Zq" not in shown
    assert shown.endswith("@camera.example/live")


@pytest.mark.parametrize("error", [GhostposeError, SourceError, InvalidValueError, DecodeError])
def test_no_error_of_ours_holds_a_password(error: type[GhostposeError]) -> None:
    assert str(error("no answer from rtsp://a:pw@h/")) == "no answer from rtsp://***@h/"


def test_a_cameras_settings_are_printed_without_its_password() -> None:
    camera = CameraConfig(name="door", source="rtsp://a:pw@h/")
    assert "pw" not in f"{camera!r} {camera}"
    assert camera.source == "rtsp://a:pw@h/"


def test_logs_hide_passwords_in_messages_values_and_traces() -> None:
    root = logging.getLogger()
    former, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        with redirect_stderr(io.StringIO()) as written:
            log_to_stderr(logging.INFO)
            logging.getLogger("some").info("opens %s", "rtsp://a:pw@h/")
            try:
                raise OSError("rtsp://a:pw@h/ refused")
            except OSError:
                logging.getLogger("some").exception("fails")
    finally:
        root.handlers[:] = former
        root.setLevel(level)
    assert "opens rtsp://***@h/" in written.getvalue()
    assert "OSError: rtsp://***@h/ refused" in written.getvalue()
    assert "pw" not in written.getvalue()
