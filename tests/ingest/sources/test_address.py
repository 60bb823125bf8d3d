"""How a source is written: every text is an address, or one sentence that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.errors import SourceError
from ingest.sources.address import Address, parse_address


@pytest.mark.parametrize(
    ("source", "kind", "path"),
    [
        ("clip.mp4", "file", Path("clip.mp4")),
        ("file:clip.mp4", "file", Path("clip.mp4")),
        ("folder:shots?fps=25", "folder", Path("shots")),
        ("pattern:people=3", "pattern", Path()),
        ("rtsp://10.0.0.5/live", "stream", Path()),
    ],
)
def test_a_source_is_taken_apart(source: str, kind: str, path: Path) -> None:
    address = parse_address("hall", source)
    assert (address.kind, address.path) == (kind, path)


def test_an_address_longer_than_any_file_name_is_one_all_the_same() -> None:
    url = "https://10.0.0.5/live?token=" + "x" * 400
    assert parse_address("hall", url).url == url
    assert parse_address("hall", "pattern:seed=" + "1" * 400).kind == "pattern"


def test_a_name_longer_than_any_file_has_is_one_sentence() -> None:
    with pytest.raises(SourceError, match=r"camera hall: 'x+' is no file's name: File name too"):
        parse_address("hall", "x" * 4000)


schemes = st.sampled_from(["", "file:", "folder:", "pattern:", "device:", "rtsp://", "snapshot:"])


@given(schemes, st.text(max_size=300))
def test_every_text_is_an_address_or_a_sentence(scheme: str, rest: str) -> None:
    try:
        assert isinstance(parse_address("hall", scheme + rest), Address)
    except SourceError as error:
        assert str(error).startswith("camera hall: ")
        assert str(error).isprintable()
