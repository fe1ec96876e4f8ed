"""``python -m tests.fuzz --seconds 60 [TARGET ...]``: runs ``campaign`` with atheris, which it installs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

_LOCK = Path(__file__).with_name("requirements.txt")
# A folder in memory: each input is written to a file.
_MEMORY = "/dev/shm"


def _install() -> Path:
    """Puts atheris into a folder beside our environment, which has no wheel of it for each Python; returns it."""
    digest = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = ROOT / "build" / "fuzz" / "atheris" / digest
    if not folder.exists():
        uv = Path(sys.executable).with_name("uv")
        target = ["--python", sys.executable, "--target", str(folder)]
        subprocess.run([uv, "pip", "install", "--quiet", "--require-hashes", *target, "-r", _LOCK], check=True)
    return folder


if __name__ == "__main__":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (_install(), ROOT, ROOT / "src")))
    if os.access(_MEMORY, os.W_OK):
        environment["TMPDIR"] = _MEMORY
    # Atheris instruments what is imported after it.
    os.execve(sys.executable, [sys.executable, "-m", "tests.fuzz.campaign", *sys.argv[1:]], environment)
