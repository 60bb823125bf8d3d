"""Work that several threads do at once until there is none left."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def side_by_side(count: int, work: Callable[[], None]) -> None:
    """Do `work` in so many threads, of which this is one; return when all have ended.

    Raises what one of them raised. `work` has to see to it that the others end then.
    """
    failures: list[BaseException] = []

    def lane() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    # Daemons: a process that is to end doesn't wait for them.
    threads = [threading.Thread(target=lane, name="lane", daemon=True) for _ in range(count - 1)]
    for thread in threads:
        thread.start()
    lane()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
