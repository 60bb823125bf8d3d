"""The progress of a training run: a bar in a terminal, lines in a log file."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.reporting import Averages


@contextmanager
def progress_bar(name: str, *, shown: bool = True) -> Iterator[Callable[[Averages], None]]:
    """Yield what shows a run's averages: a bar with rate and remaining time, or lines of text."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield lambda averages: console.print(str(averages), highlight=False, soft_wrap=True)
        return
    logging.getLogger("batches.CropBatches").setLevel(logging.ERROR)  # the bar counts them
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(name, total=1.0, text="")

        def show(averages: Averages) -> None:
            progress.update(task, completed=averages.progress, text=str(averages))

        yield show
