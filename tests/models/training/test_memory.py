"""A process keeps the memory that it has freed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Each round takes and frees 64 MB, touching every page.
PROGRAM = """
import ctypes, resource, sys
from diptych.models.training.memory import keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
is_set = keep_freed_memory() if sys.argv[1] == "keep" else None

def use():
    block = libc.malloc(1 << 26)
    libc.memset(block, 1, 1 << 26)
    libc.free(block)

use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use()
print(is_set, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> tuple[str, int]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    is_set, faults = done.stdout.split()
    return is_set, int(faults)


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="needs the malloc of glibc")
def test_freed_memory_is_used_again_without_a_page_fault() -> None:
    is_set, faults = page_faults("keep")
    assert is_set == "True"
    assert faults < page_faults("leave")[1] / 20
