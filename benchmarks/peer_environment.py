"""The virtual environment of the tools that Diptych is compared with: their requirements contradict TFX's."""

from __future__ import annotations

import shutil

from benchmarks.tools import ROOT, python_command, run_timed

_LOCK = ROOT / "benchmarks" / "ingest_peers" / "requirements.txt"
_FOLDER = ROOT / ".venv-bench"
# This copy of the lock file is written last: without it the environment is unfinished.
_STAMP = _FOLDER / "requirements.txt"


def peer_program(name: str) -> str:
    """The path of a program in the environment, which is made from its lock file if it is missing or outdated.

    Raises:
        BenchmarkError: it could not be made.
    """
    if not _STAMP.exists() or _STAMP.read_bytes() != _LOCK.read_bytes():
        print(f"making {_FOLDER.name} from {_LOCK.relative_to(ROOT)}, which takes minutes", flush=True)
        run_timed(python_command("-m", "venv", "--clear", str(_FOLDER)))
        (_FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
        # The lock file is complete, so pip need not resolve it; it would fail on an extra whose package is pinned.
        pip = [str(_FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        run_timed([*pip, "-r", str(_LOCK)])
        shutil.copyfile(_LOCK, _STAMP)
    return str(_FOLDER / "bin" / name)
