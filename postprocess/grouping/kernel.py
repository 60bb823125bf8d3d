"""How the numeric kernels of this package are compiled: ahead of the second use, without the GIL.

Machine code is kept by numba beside the source, or in the user's cache (`NUMBA_CACHE_DIR` moves it)
when the package can't be written. Numba notices a change of the kernel's own file only, so a kernel
and what it calls live in one file, and tables come in as arguments, never as globals.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Function = TypeVar("Function", bound="Callable[..., Any]")

_log = logging.getLogger(f"{__name__}.kernel")


def kernel(function: Function) -> Function:
    """Compile `function` at its first call; kept on disk wherever numba finds a place for it."""
    try:
        compiled = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError as error:  # neither the package nor a user's cache can be written
        _log.warning("Compiling %s anew in each process: %s", function.__qualname__, error)
        compiled = numba.njit(nogil=True)(function)
    return cast("Function", compiled)


def inlined(function: Function) -> Function:
    """Compile `function` as a part of each kernel that calls it: for innermost loops."""
    return cast("Function", numba.njit(inline="always")(function))


def as_input(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a contiguous read-only view (copied only if it must be).

    Numba compiles a kernel once for writable and once for read-only arrays; maps come as both.
    """
    view = np.ascontiguousarray(array)[...]
    view.flags.writeable = False
    return view
