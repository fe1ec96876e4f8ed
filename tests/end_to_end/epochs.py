"""Runs that are stopped while they train."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path


def wait_for_epoch(process: subprocess.Popen[str], run: Path, epoch: int) -> None:
    """Waits until the run in a folder has kept what it learned in an epoch, or in a later one."""
    while all(int(kept.name) < epoch for kept in run.glob("artifacts/Trainer/model_run/.resume/*/[0-9]*")):
        assert process.poll() is None, "the run has ended before"
        time.sleep(0.01)
