"""Several training processes as one, started by torchrun."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class World:
    """Which of how many processes this is; the first writes checkpoints and reports."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process writes what there must be only one of."""
        return self.rank == 0


@contextmanager
def join_world(*, cuda: bool) -> Iterator[World]:
    """Yield this process's place among those that torchrun started, or alone without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield World(
            torch.distributed.get_rank(), size, local_rank=int(os.environ.get("LOCAL_RANK", "0"))
        )
    finally:
        torch.distributed.destroy_process_group()
