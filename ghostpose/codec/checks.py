"""Checked access to values that came from outside: every breach is a DecodeError."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar, cast

from ghostpose.errors import DecodeError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_T = TypeVar("_T")

MAX_INTEGER: Final = 2**53 - 1
"""Largest integer on the wire: JSON readers and Lua keep numbers as doubles."""

MAX_TIME_S: Final = 1e11
"""No time on the wire is larger (Unix seconds of the year 5138)."""

MAX_DURATION_MS: Final = 1e12


class Fields:
    """The fields of one decoded message; `owner` names it in errors, `raw` travels with them."""

    __slots__ = ("_owner", "_raw", "_values")

    def __init__(self, owner: str, values: object, raw: bytes) -> None:
        if not isinstance(values, Mapping):
            raise DecodeError(f"{owner}: wanted named fields, got {type(values).__name__}", raw)
        self._owner = owner
        self._values = values
        self._raw = raw

    def fail(self, what: str) -> DecodeError:
        """Return the error for this message."""
        return DecodeError(f"{self._owner}: {what}", self._raw)

    def names(self, at_most: int = 64) -> list[str]:
        """Return the names of all fields; there may be `at_most`, each a short text."""
        names = list(self._values)
        if len(names) > at_most or not all(isinstance(n, str) and len(n) <= 64 for n in names):
            raise self.fail(f"wanted at most {at_most} short names")
        return names

    def any(self, name: str) -> object:
        """Return the field as it is."""
        try:
            return self._values[name]
        except KeyError:
            raise self.fail(f"the field {name!r} is missing") from None

    def integer(self, name: str, low: int = 0, high: int = MAX_INTEGER) -> int:
        """Return an integer within `low`..`high`."""
        value = self.any(name)
        if type(value) is not int or not low <= value <= high:
            raise self.fail(f"{name} is {_show(value)}, wanted an integer within {low}..{high}")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """Return a finite number within `low`..`high`."""
        return self._number(name, self.any(name), low, high)

    def duration_ms(self, name: str) -> float:
        """Return milliseconds; the clocks of two machines may make them slightly negative."""
        return self.number(name, -MAX_DURATION_MS, MAX_DURATION_MS)

    def time_s(self, name: str) -> float:
        """Return seconds on some clock."""
        return self.number(name, -MAX_TIME_S, MAX_TIME_S)

    def numbers(self, name: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """Return a list of exactly `count` finite numbers within `low`..`high`."""
        values = self.items(name, count)
        if len(values) != count:
            raise self.fail(f"{name} has {len(values)} numbers, wanted {count}")
        return tuple(self._number(name, value, low, high) for value in values)

    def items(self, name: str, at_most: int) -> Sequence[object]:
        """Return a list of at most `at_most` values."""
        value = self.any(name)
        if not isinstance(value, list) or len(value) > at_most:
            raise self.fail(f"{name} is {_show(value)}, wanted a list of at most {at_most}")
        return value

    def text(self, name: str, at_most: int = 256) -> str:
        """Return a string of at most `at_most` characters."""
        value = self.any(name)
        if not isinstance(value, str) or len(value) > at_most:
            raise self.fail(f"{name} is {_show(value)}, wanted a text of at most {at_most}")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return one of the texts in `choices`."""
        value = self.text(name)
        if value not in choices:
            raise self.fail(f"{name} is {_show(value)}, wanted one of {', '.join(choices)}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false; `default` of a version that doesn't know the field."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self.fail(f"{name} is {_show(value)}, wanted true or false")
        return value

    def binary(self, name: str, at_most: int) -> bytes:
        """Return 1 to `at_most` bytes."""
        value = self.any(name)
        if not isinstance(value, bytes) or not 1 <= len(value) <= at_most:
            raise self.fail(f"{name} is {_show(value)}, wanted 1 to {at_most} bytes")
        return value

    def inner(self, name: str) -> Fields:
        """Return named fields within this message."""
        return Fields(f"{self._owner}: {name}", self.any(name), self._raw)

    def nested(self, name: str, deepest: int) -> dict[str, object]:
        """Return a JSON object with at most so many levels of objects and lists, all finite."""
        value = self.any(name)
        if not isinstance(value, dict):
            raise self.fail(f"{name} is no JSON object")
        level: list[object] = [value]
        for _ in range(deepest):
            members = [one for outer in level for one in _members(outer)]
            if not all(math.isfinite(one) for one in members if isinstance(one, float)):
                raise self.fail(f"{name} holds a number that is not finite")
            level = [one for one in members if isinstance(one, dict | list)]
            if not level:
                return value
        raise self.fail(f"{name} is nested deeper than {deepest} levels")

    def counts(self, name: str) -> dict[str, int]:
        """Return a mapping of names to counts."""
        inner = self.inner(name)
        return {key: inner.integer(key) for key in inner.names()}

    def _number(self, name: str, value: object, low: float, high: float) -> float:
        if type(value) not in (int, float):
            raise self.fail(f"{name} is {_show(value)}, wanted a number")
        assert isinstance(value, int | float)
        if not low <= value <= high:
            raise self.fail(f"{name} is {_show(value)}, wanted a number within {low:g}..{high:g}")
        return float(value)

    def build(self, make: Callable[[], _T]) -> _T:
        """Return `make()`; a value that its type refuses is a DecodeError with that cause."""
        try:
            return make()
        except InvalidValueError as cause:
            raise self.fail(str(cause)) from cause


def parse_json(owner: str, data: bytes, at_most: int) -> Fields:
    """Parse a JSON object of at most `at_most` bytes; `owner` names it in errors.

    Raises:
        DecodeError: it is none.
    """
    if len(data) > at_most:
        raise DecodeError(f"{owner}: {len(data)} bytes, at most {at_most}", data)
    try:
        values = json.loads(data.decode())
        if b"\\u" in data:  # half a character, which nobody could write on
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as cause:
        raise DecodeError(f"{owner}: no JSON ({cause})", data) from cause
    return Fields(owner, values, data)


def _members(value: object) -> Iterable[object]:
    """Return what a JSON object or list holds."""
    return value.values() if isinstance(value, dict) else cast("list[object]", value)


def _show(value: object) -> str:
    """Show a value from outside in an error, short and on one line."""
    if isinstance(value, int) and value.bit_length() > 64:
        # Python refuses to print integers of thousands of digits.
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, int | float | str | bytes) or value is None:
        return repr(value[:60] if isinstance(value, str | bytes) else value)
    return f"a {type(value).__name__}"
