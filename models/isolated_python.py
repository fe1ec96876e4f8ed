"""How Python is started apart: without the environment's variables, and without the current folder's modules."""

from __future__ import annotations

import os
import sys

# Isolated Python has neither PYTHONPATH nor the user's own packages in its path, so the process gets our own path,
# without the current folder.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
_KEPT_VARIABLES = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
# More threads would take address space, which is what a limit on memory counts.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def isolated_command(module: str) -> list[str]:
    """The command that calls the function ``main`` of a module."""
    return [sys.executable, "-I", "-c", _PROGRAM.format(path=list(filter(None, sys.path)), module=module)]


def isolated_environment() -> dict[str, str]:
    """The variables that it gets: of the language, and for one thread."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, **_ONE_THREAD}
