"""Stages run each task within the context that says whether anybody still wants it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apache_beam as beam
import pytest

from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner
from tests.helpers import IN_PROCESS


def leave_file(folder: Path, task: int) -> Counts:
    (folder / str(task)).touch()
    return Counter(done=1)


@contextmanager
def only_into(folder: Path) -> Iterator[None]:
    if not folder.exists():
        raise RuntimeError("nobody waits")
    yield


def runner_of(folder: Path, wanted: Path) -> StageRunner:
    return StageRunner(
        lambda: beam.Pipeline(argv=[IN_PROCESS]), str(folder / "stages"), wanted=partial(only_into, wanted)
    )


def test_tasks_that_are_wanted_run(tmp_path: Path) -> None:
    (counted,) = runner_of(tmp_path, tmp_path).run(Stage("leave", 3, partial(leave_file, tmp_path)))
    assert counted == {"done": 3}
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "stages"}


def test_tasks_that_nobody_wants_do_not_run(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nobody waits"):
        runner_of(tmp_path, tmp_path / "gone").run(Stage("leave", 3, partial(leave_file, tmp_path)))
    assert list(tmp_path.iterdir()) == []
