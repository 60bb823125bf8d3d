"""Mutated messages of every kind: no crash, no hang, bounded memory.

    PYTHONPATH=.:tests python tests/fuzz/fuzz.py 1000000 [seed]

makes so many messages, and prints a table.
"""

from __future__ import annotations

import logging
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mutations import mutated
from targets import Target, targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from targets import Fields

SLOWEST_S: Final = 2.0
"""No message may take longer, in seconds of processor time: 100 times the slowest real one."""

MEMORY_MB: Final = 400
"""By so much a process may grow at most: the largest picture that is allowed is 100 MB."""


class Fuzzed(NamedTuple):
    """What became of the messages of one kind."""

    messages: int
    refused: int
    slowest_s: float


class HostileMessageError(AssertionError):
    """A message did what none may; the text holds it."""


def fuzz(count: int, seed: int, folder: Path) -> dict[str, Fuzzed]:
    """Decode `count` mutated messages; return what became of them by kind.

    Raises:
        HostileMessageError: one crashed its decoder, took too long or too much memory.
    """
    dice = random.Random(seed)
    logging.disable(logging.CRITICAL)  # refusals are logged where a reader passes over them
    try:
        return _fuzz(targets(folder), count, dice)
    finally:
        logging.disable(logging.NOTSET)


def _fuzz(kinds: list[Target], count: int, dice: random.Random) -> dict[str, Fuzzed]:
    seen: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    limit_kb = _peak_kb() + MEMORY_MB * 1024
    for kind in dice.choices(kinds, [kind.weight for kind in kinds], k=count):
        message = _mutated(kind, dice)
        began_s = time.thread_time()
        refused[kind.name] += _is_refused(kind, message)
        took_s = time.thread_time() - began_s
        seen[kind.name] += 1
        slowest[kind.name] = max(slowest.get(kind.name, 0.0), took_s)
        if took_s > SLOWEST_S or _peak_kb() > limit_kb:
            raise HostileMessageError(f"{kind.name}: {took_s:.1f} s, {_peak_kb()} kB: {message!r}")
    return {name: Fuzzed(seen[name], refused[name], slowest[name]) for name in sorted(seen)}


def _mutated(kind: Target, dice: random.Random) -> bytes | Fields:
    message, other = dice.choice(kind.messages), dice.choice(kind.messages)
    if isinstance(message, bytes):
        assert isinstance(other, bytes)
        return mutated(message, other, dice)
    assert not isinstance(other, bytes)
    changed, name = dict(message), dice.choice(list(message))
    changed[name] = mutated(changed[name], other.get(name, b""), dice)
    if dice.random() < 0.05:
        del changed[dice.choice(list(changed))]
    return changed


def _is_refused(kind: Target, message: bytes | Fields) -> bool:
    try:
        kind.decode(message)
    except kind.refusals as error:
        if not str(error).isprintable():
            raise HostileMessageError(f"{kind.name}: {str(error)!r} for {message!r}") from error
        return True
    except Exception as error:
        raise HostileMessageError(f"{kind.name}: {error!r} for {message!r}") from error
    return False


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _libraries_silenced() -> Iterator[None]:
    """Have libpng and the like, which write to stderr by themselves, write nowhere meanwhile."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def main() -> None:
    """Run as many as the command line says and print a row a kind."""
    count, seed = int(sys.argv[1]), int((sys.argv[2:] or ["1"])[0])
    began_s, began_kb = time.perf_counter(), _peak_kb()
    with tempfile.TemporaryDirectory() as folder, _libraries_silenced():
        table = fuzz(count, seed, Path(folder))
    for name, row in table.items():
        print(  # noqa: T201
            f"{name:20} {row.messages:9} messages, {row.refused:9} refused,"
            f" slowest {1000 * row.slowest_s:6.1f} ms"
        )
    print(  # noqa: T201
        f"{count} messages with seed {seed}: no crash, no hang, memory grew by"
        f" {(_peak_kb() - began_kb) / 1024:.0f} MB ({time.perf_counter() - began_s:.0f} s)"
    )


if __name__ == "__main__":
    main()
