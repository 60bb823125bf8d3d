"""Tokens of the dashboard: what is kept of them, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dashboard.tokens import Identity, identify, make_token, parse_tokens
from ghostpose.errors import ConfigError


def test_a_token_is_known_by_its_hash_alone() -> None:
    token, line = make_token("anna", "admin")
    assert token.startswith("anna.")
    assert token not in line
    assert token.partition(".")[2] not in line
    tokens = parse_tokens(f"# who may come in\n\n{line}\n", "tokens.txt")
    assert identify(tokens, token) == Identity("anna", "admin")


@pytest.mark.parametrize("wrong", ["", "anna", "anna.", "anna.x", "bert.x", "a" * 10_000])
def test_a_wrong_token_is_nobodys(wrong: str) -> None:
    tokens = parse_tokens(make_token("anna", "viewer")[1], "tokens.txt")
    assert identify(tokens, wrong) is None


def test_two_tokens_of_one_name_are_refused() -> None:
    line = make_token("anna", "viewer")[1]
    with pytest.raises(ConfigError, match=r"tokens\.txt: two tokens are named anna"):
        parse_tokens(f"{line}\n{line}", "tokens.txt")


@pytest.mark.parametrize(
    "line",
    [
        "anna admin",
        "anna owner scrypt:16384:8:1:c2FsdHNhbHQ:aGFzaA",
        "an/na viewer scrypt:16384:8:1:c2FsdHNhbHQ:aGFzaA",
        "anna viewer md5:16384:8:1:c2FsdHNhbHQ:aGFzaA",
        "anna viewer scrypt:9999999:8:1:c2FsdHNhbHQ:aGFzaA",
        "anna viewer scrypt:16385:8:1:c2FsdHNhbHQ:aGFzaA",
        "anna viewer scrypt:16384:8:1:c2FsdHNhbHQ:aGFzaA",
        "anna viewer plain-password",
    ],
)
def test_a_line_that_is_no_token_is_one_sentence(line: str) -> None:
    with pytest.raises(ConfigError, match=r"line 1 is no token: wanted NAME ROLE HASH"):
        parse_tokens(line, "tokens.txt")


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no name"):
        make_token("an na", "viewer")


@settings(max_examples=30)
@given(st.text())
def test_whatever_a_file_holds_is_tokens_or_a_sentence(text: str) -> None:
    try:
        parse_tokens(text, "tokens.txt")
    except ConfigError as error:
        assert "\n" not in str(error)
