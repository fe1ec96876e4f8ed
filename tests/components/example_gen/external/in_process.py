"""Stages in this process, without Beam: what a runner of Beam does, in an order that no one may depend on."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from diptych.components.catalogue.storage import write_stream
from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner


class InProcessRunner(StageRunner):
    """Runs tasks one after the other, the last first, and each of them twice, as if it had failed in between."""

    def __init__(self, folder: str, max_bytes: float = math.inf) -> None:
        super().__init__(lambda: None, folder, max_bytes)
        self.folder = folder

    def _execute(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            counts: Counts = Counter()
            for task in reversed(range(stage.tasks)):
                stage.run(task)
                counts.update(stage.run(task))
            with write_stream(self._file(stage)) as file:
                file.write(json.dumps(counts).encode())


@contextmanager
def in_process_runner() -> Iterator[InProcessRunner]:
    """A runner and a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield InProcessRunner(str(Path(folder, "stages")))
