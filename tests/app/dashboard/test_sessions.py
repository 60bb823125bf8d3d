"""Logins end, and tries are counted."""

from __future__ import annotations

from dataclasses import dataclass

from app.dashboard.sessions import (
    ALL_TRIES,
    MAX_SESSIONS,
    SESSION_S,
    TRIES,
    WINDOW_S,
    Attempts,
    Sessions,
)
from app.dashboard.tokens import Identity

ANNA = Identity("anna", "admin")


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_login_lasts_a_shift_and_ends_by_logging_out() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    first, second = sessions.open(ANNA), sessions.open(ANNA)
    assert sessions.find(first) == sessions.find(second) == ANNA
    sessions.close(first)
    assert sessions.find(first) is None
    clock.now_s = SESSION_S + 1
    assert sessions.find(second) is None
    assert sessions.find("guessed") is None


def test_many_logins_push_the_oldest_out() -> None:
    sessions = Sessions(Clock())
    secrets = [sessions.open(ANNA) for _ in range(MAX_SESSIONS + 1)]
    assert sessions.find(secrets[0]) is None
    assert sessions.find(secrets[1]) == ANNA


def test_who_gives_wrong_tokens_waits_a_minute_and_others_do_not() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(TRIES):
        assert attempts.begin("10.0.0.1") == 0
    assert attempts.begin("10.0.0.1") == WINDOW_S
    assert attempts.begin("10.0.0.2") == 0
    clock.now_s = WINDOW_S + 0.1
    assert attempts.begin("10.0.0.1") == 0


def test_a_right_token_counts_for_nothing() -> None:
    attempts = Attempts(Clock())
    for _ in range(3 * ALL_TRIES):
        assert attempts.begin("10.0.0.1") == 0
        attempts.forgive("10.0.0.1")


def test_many_addresses_together_are_bounded_too() -> None:
    attempts = Attempts(Clock())
    for number in range(ALL_TRIES):
        assert attempts.begin(f"10.0.0.{number}") == 0
    assert attempts.begin("10.0.1.1") > 0
