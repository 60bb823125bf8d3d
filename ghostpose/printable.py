"""Text from outside made fit for terminals and logs: one line, and nothing that moves a cursor."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with everything that is no visible character or space written out.

    A line break would let a name forge a line of a log; an escape would let it hide one.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """Return text of several lines: the first is the program's, those below are indented."""
    return "\n    ".join(printable(line) for line in text.split("\n"))
