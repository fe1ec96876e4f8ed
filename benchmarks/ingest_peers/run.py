"""Runs one contender: ``python -m benchmarks.ingest_peers.run NAME CATALOGUE OUT``.

Beside the dataset, OUT contains ``seconds.txt``: the time that it took, without the start of Python and imports. The
contender is not itself the main module, because the processes that it starts import the main module again.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

SECONDS_FILE = "seconds.txt"


def main() -> None:
    """Imports the contender, and measures how long it takes to write the dataset."""
    name, catalogue, out = sys.argv[1:]
    write = importlib.import_module(f"benchmarks.ingest_peers.{name}").write
    folder = Path(out).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    write(Path(catalogue).absolute(), folder)
    (folder / SECONDS_FILE).write_text(str(time.monotonic() - started), encoding="utf-8")


if __name__ == "__main__":
    main()
