"""What a person sees: live lines by component on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

# Between two plain lines about the same component.
_QUIET_SECONDS = 5.0


class View(Protocol):
    """Shows the steps of a run."""

    def start(self, step: str) -> None:
        """A step has begun."""

    def detail(self, step: str, text: str, milestone: bool = False) -> None:
        """How far the step is; a milestone is always shown."""

    def finish(self, step: str, text: str) -> None:
        """The step is over."""

    def close(self) -> None:
        """The run is over."""


class PlainView:
    """Lines for logs: one where a step ends, and now and then one about how far it is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = 0.0

    def start(self, step: str) -> None:
        self._shown = time.monotonic()

    def detail(self, step: str, text: str, milestone: bool = False) -> None:
        if milestone or time.monotonic() - self._shown >= _QUIET_SECONDS:
            self._shown = time.monotonic()
            self._line(step, text)

    def finish(self, step: str, text: str) -> None:
        self._line(step, text)

    def close(self) -> None:
        """Nothing is left open."""

    def _line(self, step: str, text: str) -> None:
        self._console.print(f"{step:<20} {text}", markup=False, highlight=False, soft_wrap=True)


class LiveView:
    """One line a step, which changes while the step runs."""

    def __init__(self, console: Console) -> None:
        columns = (
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description:<20}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
        )
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[str, TaskID] = {}
        self._progress.start()

    def start(self, step: str) -> None:
        self._tasks[step] = self._progress.add_task(step, total=1, detail="")

    def detail(self, step: str, text: str, milestone: bool = False) -> None:
        self._progress.update(self._tasks[step], detail=text)

    def finish(self, step: str, text: str) -> None:
        self._progress.update(self._tasks[step], detail=text, completed=1)

    def close(self) -> None:
        self._progress.stop()


def make_view(console: Console) -> View:
    """A live view on a terminal, a plain one elsewhere."""
    return LiveView(console) if console.is_terminal else PlainView(console)
