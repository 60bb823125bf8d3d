"""How the C library's allocator treats the memory of pictures and maps."""

from __future__ import annotations

import ctypes
from typing import Final

KEPT_BYTES: Final = 64 * 2**20
"""Freed memory that a process keeps at most at the end of each of its heaps."""

OWN_MAPPING_BYTES: Final = 32 * 2**20
"""Only larger pieces come from the kernel one by one, and go back: the most that glibc takes."""

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> None:
    """Have what one frame frees be there for the next.

    glibc gives arrays of a picture's size back to the kernel and asks for them again with each
    frame, and the kernel fills every page with zeros: a fifth of what ingest takes of the
    processor. Other C libraries have no such setting, and are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
