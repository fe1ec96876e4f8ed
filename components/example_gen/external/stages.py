"""Stages: numbers of tasks that Beam's workers share, each stage when the one before has ended."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from diptych.components.catalogue.storage import is_remote, open_file, remove, write_stream

#: What a task counts; the counts of all tasks of a stage are added up.
Counts = Counter[str]


@dataclass(frozen=True)
class Stage:
    """Some tasks, which may run in any order and on any worker.

    Attributes:
        name: which no other stage of a run has.
        tasks: their number.
        run: what is called with the number of each task, and returns what it counted. Called again, it does the same.
    """

    name: str
    tasks: int
    run: Callable[[int], Counts]


class StageRunner:
    """Runs stages by as few Beam pipelines as possible: the workers of each take seconds to start, or minutes."""

    def __init__(
        self,
        make_pipeline: Callable[[], Any],
        folder: str,
        max_bytes: float = math.inf,
        wanted: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Starts without a stage.

        Args:
            make_pipeline: makes an empty pipeline.
            folder: URI of the folder of the files of all stages.
            max_bytes: what these files may take on a disk.
            wanted: the context in which workers run each task.
        """
        self._make_pipeline, self._folder, self._max_bytes, self._wanted = make_pipeline, folder, max_bytes, wanted
        self._waiting: list[Stage] = []
        self._unused: list[str] = []

    def add(self, *stages: Stage) -> None:
        """Lets stages run together with those that follow."""
        self._waiting += stages

    def discard(self, *folders: str) -> None:
        """Lets folders be deleted when the stages that were added have run."""
        self._unused += folders

    def run(self, *stages: Stage) -> list[Counts]:
        """Runs all stages that wait, then these, one after the other; returns what each of these counted.

        Raises:
            ScratchError: the files take more than they may.
        """
        self._execute([*self._waiting, *stages])
        for folder in self._unused:
            remove(folder)
        self._waiting, self._unused = [], []
        if not is_remote(self._folder) and (taken := _folder_bytes(self._folder)) > self._max_bytes:
            raise ScratchError(taken)
        return [_read_counts(self._file(stage)) for stage in stages]

    def _execute(self, stages: Iterable[Stage]) -> None:
        with self._make_pipeline() as pipeline:
            done = pipeline | "Start" >> beam.Create([0])
            for stage in stages:
                done = (
                    done
                    | f"{stage.name}/Tasks" >> beam.FlatMap(_list_tasks, stage.tasks)
                    | f"{stage.name}/Share" >> beam.Reshuffle()
                    | f"{stage.name}/Run" >> beam.Map(_run_task, stage.run, self._wanted)
                    | f"{stage.name}/Count" >> beam.CombineGlobally(_add_up)
                    | f"{stage.name}/Write" >> beam.Map(_write_counts, self._file(stage))
                )

    def _file(self, stage: Stage) -> str:
        return os.path.join(self._folder, f"{stage.name}.json")


class ScratchError(Exception):
    """The files of the stages take more space than they may: ``taken`` bytes."""

    def __init__(self, taken: int) -> None:
        super().__init__(taken)
        self.taken = taken


def _folder_bytes(folder: str) -> int:
    return sum(os.path.getsize(os.path.join(parent, name)) for parent, _, names in os.walk(folder) for name in names)


def _list_tasks(_: Any, tasks: int) -> Iterable[int]:
    return range(tasks)


def _run_task(task: int, run: Callable[[int], Counts], wanted: Callable[[], AbstractContextManager[None]]) -> Counts:
    with wanted():
        return run(task)


def _add_up(counts: Iterable[Counts]) -> Counts:
    total: Counts = Counter()
    for one in counts:
        total.update(one)
    return total


def _write_counts(counts: Counts, uri: str) -> int:
    with write_stream(uri) as file:
        file.write(json.dumps(counts).encode())
    return 0


def _read_counts(uri: str) -> Counts:
    with open_file(uri) as file:
        return Counter(json.load(file))
