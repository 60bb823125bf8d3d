from __future__ import annotations

import json

import pytest
from rich.console import Console

import app.cli.complexity as command
from ghostpose.errors import EngineError, UserError
from ghostpose.network.complexity import Complexity

COUNTED = {
    "pose": Complexity("pose", 3_010_286, 5.6711),
    "pose-wide": Complexity("pose-wide", 3_724_246, 6.3179),
    "pose-without-se": Complexity("pose-without-se", 2_657_050, 5.6707),
    "lightweight-openpose": Complexity("lightweight-openpose", 4_091_698, 8.8816),
    "openpose": Complexity("openpose", 52_311_446, 135.9340),
}


def test_json_is_a_list_of_name_parameters_and_gmacs(capsys: pytest.CaptureFixture[str]) -> None:
    command.complexity(size="368x368", as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(COUNTED)
    for row in rows:
        wanted = COUNTED[row["name"]]
        assert list(row) == ["name", "parameters", "gmacs"]
        assert row["parameters"] == wanted.parameters
        assert row["gmacs"] == pytest.approx(wanted.gmacs, abs=1e-3)


def test_claims_stand_beside_what_is_counted() -> None:
    claims = {row[0]: row[1:] for row in command.claim_rows(COUNTED)}
    assert claims["6.7 % fewer parameters than lightweight-openpose"] == (
        "26.4 % fewer",
        "9.0 % fewer",
        "35.1 % fewer",
    )
    assert claims["22.2 % less computation than lightweight-openpose"] == (
        "36.1 % less",
        "28.9 % less",
        "36.2 % less",
    )
    assert claims["under 1/8 of openpose's parameters"] == ("1/17.4", "1/14.0", "1/19.7")


def test_table_names_every_network_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=80).print(command._networks_table("368x368", COUNTED))
    text = capsys.readouterr().out
    assert all(name in text for name in COUNTED)
    assert "3.01 M" in text
    assert "3.82 M" in text


@pytest.mark.parametrize("size", ["368", "368x", "x368", "-8x8", "368X368", "8x8x8"])
def test_a_size_of_another_form_is_one_sentence(size: str) -> None:
    with pytest.raises(UserError, match="is not WIDTHxHEIGHT"):
        command.complexity(size=size, as_json=True)


@pytest.mark.parametrize("size", ["370x368", "0x8"])
def test_a_size_that_the_network_cannot_take_is_one_sentence(size: str) -> None:
    with pytest.raises(UserError, match="multiples of 8"):
        command.complexity(size=size, as_json=True)


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match=r"pip install 'ghostpose\[torch\]'"):
        command.complexity(size="368x368", as_json=True)
