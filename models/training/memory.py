"""Settings of the garbage collector and of malloc for processes that read or train on large batches."""

from __future__ import annotations

import ctypes
import gc

# The parameters of mallopt(3), as malloc.h numbers them.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_NEVER_TRIM = 2**31 - 1
_TOP_PAD = 1 << 26
# The second is the maximum of older versions of glibc.
_MMAP_THRESHOLDS = (1 << 30, 1 << 25)


def tune_process_memory() -> None:
    """Prepares this process for long work on large batches. Call it after imports and before the work.

    It excludes all objects that exist from Python's garbage collection: imports of TFX, Beam and Keras create millions,
    and a loop over batches spent half of its time on scanning them. It also calls ``keep_freed_memory``.
    """
    gc.collect()
    gc.freeze()
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Makes malloc keep freed memory in this process instead of returning it to the operating system.

    Batches of pixels are allocated and freed by the megabyte. By default glibc maps and unmaps blocks of that size, so
    that the kernel clears each page again, which takes half of the system time of reading and a quarter to a third of
    its speed (``python -m benchmarks.read``). The price is that the process never shrinks, which is acceptable for
    training. The setting holds for all threads until the process ends.

    Returns:
        Whether the C library accepted the setting; only glibc does.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    is_set = any(mallopt(_M_MMAP_THRESHOLD, size) for size in _MMAP_THRESHOLDS)
    return bool(is_set and mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM) and mallopt(_M_TOP_PAD, _TOP_PAD))
