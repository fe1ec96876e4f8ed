"""Runs one contender: ``python -m benchmarks.ingest_peers.run NAME CATALOGUE OUT``.

OUT gets, beside the dataset, ``seconds.txt``: how long it took, imports and start of Python aside. A contender is
imported here and is not itself the main module, for processes that it starts import the main module again.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

SECONDS_FILE = "seconds.txt"


def main() -> None:
    """Imports the contender, then lets it write."""
    name, catalogue, out = sys.argv[1:]
    write = importlib.import_module(f"benchmarks.ingest_peers.{name}").write
    folder = Path(out).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    write(Path(catalogue).absolute(), folder)
    (folder / SECONDS_FILE).write_text(str(time.monotonic() - started), encoding="utf-8")


if __name__ == "__main__":
    main()
