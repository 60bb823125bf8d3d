"""Progress in the terminal: a bar for each thing that is being done, on stderr, if it is one."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from app.jobs.progress import Step


class Bars:
    """A bar a name. `say` prints a sentence above them. Without a terminal there are no bars."""

    def __init__(self, rich: RichProgress | None) -> None:
        self._rich = rich
        self._tasks: dict[str, TaskID] = {}

    def show(self, name: str, step: Step) -> None:
        """Show how far `name` has come; from any thread."""
        if self._rich is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._rich.add_task(name, total=None)
        self._rich.update(self._tasks[name], completed=step.done, total=step.total)

    def of(self, name: str) -> Callable[[Step], None]:
        """Return what shows steps of `name`."""
        return lambda step: self.show(name, step)

    def say(self, sentence: str) -> None:
        """Print a sentence for the user."""
        if self._rich is None:
            sys.stderr.write(f"{sentence}\n")
            sys.stderr.flush()
        else:
            self._rich.console.print(sentence, markup=False, highlight=False)


@contextmanager
def shown() -> Iterator[Bars]:
    """Show bars for as long as the block lasts."""
    if not sys.stderr.isatty():
        yield Bars(None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as rich:
        yield Bars(rich)
