"""How the C library keeps memory that was let go of.

What rules know of a fleet stands in large arrays, which are copied to larger ones as it grows. By itself glibc soon
takes arrays of up to 32 MB from heaps, one for each thread, that it hardly ever gives back.
"""

import ctypes
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
LARGE_BYTES = 512 * 1024
"""More than is set aside to read from a connection (256 KiB), which comes and goes with every report."""


def give_back_large_arrays() -> bool:
    """For this process, best before it has threads. Return whether the C library takes such wishes."""
    if sys.platform != "linux":
        return False
    wish = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    return wish is not None and bool(wish(_M_MMAP_THRESHOLD, LARGE_BYTES)) and bool(wish(_M_ARENA_MAX, 1))
