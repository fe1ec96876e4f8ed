"""How this process's memory is managed."""

from __future__ import annotations

import ctypes
import gc

# malloc.h's names of what mallopt(3) sets.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_NEVER = 2**31 - 1
_PAD = 1 << 26
# The second is the most that older glibc takes.
_LARGE = (1 << 30, 1 << 25)


def settle_memory() -> None:
    """Makes this process ready for long work on large batches: call it after imports, before the work.

    What imports and graphs have made is taken out of Python's garbage collection: TFX's, Beam's and Keras's objects are
    millions, and a loop over batches spent half of its time on looking through them. And ``keep_freed_memory``.
    """
    gc.collect()
    gc.freeze()
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Lets this process use memory that it has freed again, in place of giving it back to the system.

    Batches of pixels come and go by the megabyte. glibc fetches blocks of that size from the system and gives them
    back, so that the kernel clears each page anew: half of reading's system time, a quarter to a third of its speed
    (``python -m benchmarks.read``). The price is that the process stays as large as it has ever been, which suits a
    process that trains. Call it before the work; what is set holds for the whole process and all its threads.

    Returns:
        Whether the C library is one that can be told so.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = any(mallopt(_MMAP_THRESHOLD, size) for size in _LARGE)
    return bool(taken and mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_TOP_PAD, _PAD))
