"""`ghostpose config validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


def validate(path: Path) -> int | str:
    with pytest.raises(SystemExit) as caught:
        main(["config", "validate", str(path)])
    return caught.value.code or 0


def test_a_valid_file_is_told_with_its_cameras(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("cameras: [{source: door.mp4}, {source: hall.mp4}]")
    assert validate(path) == 0
    assert capsys.readouterr().out == f"{path} is valid; cameras: door, hall\n"


def test_an_unknown_key_is_told_with_its_place_and_the_nearest_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("cameras:\n- source: door.mp4\n  polciy: every\n")
    assert validate(path) == 2
    assert capsys.readouterr().err == (
        f"ghostpose: {path}, line 3: cameras[0].polciy is no known setting;"
        " did you mean 'policy'?\n"
    )


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(tmp_path / "none.yaml") == 2
    assert "can't be read: No such file" in capsys.readouterr().err
