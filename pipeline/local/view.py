"""Shows the progress of a run: in lines that are updated in place on a terminal, and line after line elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from diptych.models.shown_text import show_line

# At most one line in so many seconds says how far a component is.
_QUIET_SECONDS = 10.0


class ProgressView(Protocol):
    """Shows the components of a run while they work."""

    def start(self, step: str) -> None:
        """A step has started."""

    def update(self, step: str, text: str, always: bool = False) -> None:
        """Says how far a step is. A view may leave out updates that come too often, unless ``always`` is true."""

    def note(self, step: str, text: str) -> None:
        """Says something about a step that stays to be read."""

    def finish(self, step: str, text: str) -> None:
        """A step has ended."""

    def close(self) -> None:
        """The run has ended."""


class PlainView:
    """Prints a line when a step ends, and in between one every few seconds; for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = 0.0

    def start(self, step: str) -> None:
        self._shown = time.monotonic()

    def update(self, step: str, text: str, always: bool = False) -> None:
        if always or time.monotonic() - self._shown >= _QUIET_SECONDS:
            self._shown = time.monotonic()
            self._print(step, text)

    def note(self, step: str, text: str) -> None:
        self._print(step, text)

    def finish(self, step: str, text: str) -> None:
        self._print(step, text)

    def close(self) -> None:
        """Does nothing: every line is printed already."""

    def _print(self, step: str, text: str) -> None:
        _print_line(self._console, step, text)


class LiveView:
    """Shows one line for each step, which changes while the step runs, and notes above them; for terminals."""

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

    def update(self, step: str, text: str, always: bool = False) -> None:
        self._progress.update(self._tasks[step], detail=show_line(text))

    def note(self, step: str, text: str) -> None:
        _print_line(self._progress.console, step, text)

    def finish(self, step: str, text: str) -> None:
        self._progress.update(self._tasks[step], detail=show_line(text), completed=1)

    def close(self) -> None:
        self._progress.stop()


def _print_line(console: Console, step: str, text: str) -> None:
    console.print(show_line(f"{step:<20} {text}"), markup=False, highlight=False, soft_wrap=True)


def make_view(console: Console) -> ProgressView:
    """A live view if the console is a terminal, else a plain one."""
    return LiveView(console) if console.is_terminal else PlainView(console)
