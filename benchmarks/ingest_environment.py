"""The environment of ingestion's peers, ``.venv-bench``: what they need contradicts what TFX needs."""

from __future__ import annotations

import shutil

from benchmarks.tools import ROOT, python, timed

_LOCK = ROOT / "benchmarks" / "ingest_peers" / "requirements.txt"
_FOLDER = ROOT / ".venv-bench"
# Copied last: without it an environment is unfinished.
_STAMP = _FOLDER / "requirements.txt"


def ready_program(name: str) -> str:
    """A program of the environment, which is made from its lock if need be.

    Raises:
        BenchmarkError: it could not be made.
    """
    if not _STAMP.exists() or _STAMP.read_bytes() != _LOCK.read_bytes():
        print(f"making {_FOLDER.name} from {_LOCK.relative_to(ROOT)}, which takes minutes", flush=True)
        timed(python("-m", "venv", "--clear", str(_FOLDER)))
        (_FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
        # The lock is complete; pip, left to resolve it, would not find an extra's pin in it.
        pip = [str(_FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        timed([*pip, "-r", str(_LOCK)])
        shutil.copyfile(_LOCK, _STAMP)
    return str(_FOLDER / "bin" / name)
