"""Passwords that addresses refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from ghostpose.config import CameraConfig
from ghostpose.errors import SecretError, SourceError
from ghostpose.passwords import plain_password_warning, resolved
from ingest.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

AWKWARD = "p@ss/w:rd?#%"


def test_a_variable_and_a_file_stand_for_a_password_of_any_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "door"
    secret.write_text(f"{AWKWARD}\n")
    monkeypatch.setenv("DOOR", AWKWARD)
    for reference in ("${env:DOOR}", f"${{file:{secret}}}"):
        address = urlsplit(resolved("door", f"rtsp://admin:{reference}@10.0.0.5:554/live"))
        assert unquote(address.password or "") == AWKWARD
        assert (address.hostname, address.port, address.path) == ("10.0.0.5", 554, "/live")


def test_a_whole_address_may_be_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_URL", "rtsp://a:b@h/live?x=1")
    assert resolved("door", "${env:DOOR_URL}") == "rtsp://a:b@h/live?x=1"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    secret = tmp_path / "door"
    for password in ("first", "second"):
        secret.write_text(password)
        assert resolved("door", f"rtsp://a:${{file:{secret}}}@h/") == f"rtsp://a:{password}@h/"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "holds no password: wanted 1 to 8192 bytes"),
        (b"x" * 9000, "holds no password"),
        (b"\xff", "can't be read: it is no text"),
    ],
)
def test_a_file_that_gives_none_is_one_sentence(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    secret = tmp_path / "door"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(SecretError) as caught:
        resolved("camera door", f"rtsp://a:${{file:{secret}}}@h/")
    assert str(caught.value).startswith(f"camera door: the file {secret}, which its address refers")
    assert words in str(caught.value)


def test_a_camera_whose_variable_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOOR", raising=False)
    with pytest.raises(SourceError, match="camera door: the environment variable DOOR, which"):
        open_source(CameraConfig(name="door", source="rtsp://a:${env:DOOR}@h/"))


def test_a_plain_password_is_told_from_a_reference() -> None:
    warning = plain_password_warning("camera door", "rtsp://a:pw@h/") or ""
    assert warning.startswith("camera door: the password stands in its address (rtsp://***@h/)")
    assert plain_password_warning("camera door", "rtsp://a:${env:DOOR}@h/") is None
    assert plain_password_warning("camera door", "rtsp://h/") is None


def test_the_trace_of_a_wrong_setting_holds_no_password() -> None:
    with pytest.raises(ValueError, match="no spaces") as caught:
        CameraConfig(name="door", source="rtsp://a:my pw@h/")
    assert "my pw" not in str(caught.value)
