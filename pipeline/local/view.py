"""Shows the progress of a run: in lines that are updated in place on a terminal, and line after line elsewhere."""

from __future__ import annotations

import textwrap
import threading
import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from diptych.models.shown_text import show_line

_NAME_WIDTH = 20
# In logs, one line in so many seconds says how far a step is; in a long one, one in this share of its time so far,
# which keeps their number small. Servers of continuous integration end jobs that are silent for ten minutes.
_QUIET_SECONDS, _QUIET_SHARE, _LONGEST_SECONDS = 10.0, 0.2, 300.0


class ProgressView(Protocol):
    """Shows the components of a run while they work."""

    def follow(self, describe_run: Callable[[], str]) -> None:
        """Takes a function that says how far the whole run is; where that is not known, it gives an empty text."""

    def start(self, step: str) -> None:
        """A step has started."""

    def update(self, step: str, text: str) -> None:
        """Says how far a step is. A view may leave out updates that come too often."""

    def note(self, step: str, text: str) -> None:
        """Says something about a step that stays to be read."""

    def finish(self, step: str, seconds: float | None, result: str) -> None:
        """A step has ended, after so many seconds of work, or None if an earlier result was used."""

    def close(self) -> None:
        """The run has ended."""


class PlainView:
    """Prints a line when a step ends, and in between now and then one; for logs and pipes.

    Args:
        clock: gives the time in seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._started = self._printed = clock()
        self._step, self._text = "", ""
        self._describe_run: Callable[[], str] = str
        self._lock, self._closed = threading.Lock(), threading.Event()
        threading.Thread(target=self._break_silence, daemon=True).start()

    def follow(self, describe_run: Callable[[], str]) -> None:
        self._describe_run = describe_run

    def start(self, step: str) -> None:
        self._step, self._text = step, ""
        self._started = self._printed = self._clock()

    def update(self, step: str, text: str) -> None:
        self._text = text
        now = self._clock()
        quiet = min(max(_QUIET_SECONDS, _QUIET_SHARE * (now - self._started)), _LONGEST_SECONDS)
        if now - self._printed >= quiet:
            self._print(step, _join(text, self._describe_run()))

    def note(self, step: str, text: str) -> None:
        self._print(step, text)

    def finish(self, step: str, seconds: float | None, result: str) -> None:
        done = "cached" if seconds is None else f"done in {seconds:.1f} s"
        self._step = ""
        self._print(step, _join(f"{done}, {result}" if result else done, self._describe_run()))

    def close(self) -> None:
        self._closed.set()

    def _break_silence(self) -> None:
        """Says that a step is at work that has said nothing for long."""
        while not self._closed.wait(_QUIET_SECONDS):
            if (step := self._step) and self._clock() - self._printed >= _LONGEST_SECONDS:
                self._print(step, _join(self._text or "at work", self._describe_run()))

    def _print(self, step: str, text: str) -> None:
        with self._lock:
            self._printed = self._clock()
            _print_line(self._console, step, text)


class LiveView:
    """Shows one line for each step, which changes while the step runs, one for the run, and notes above them.

    It is for terminals: no line is longer than the terminal is wide, and steps that ended long ago leave the screen
    if it has too few lines.
    """

    def __init__(self, console: Console) -> None:
        detail = TextColumn("{task.fields[detail]}", table_column=_column(ratio=1, overflow="ellipsis"), markup=False)
        self._describe_run: Callable[[], str] = str
        self._steps = Progress(
            SpinnerColumn(finished_text="[green]✓[/green]", table_column=_column(width=1)),
            TextColumn("{task.description}", table_column=_column(width=_NAME_WIDTH)),
            _ElapsedColumn(table_column=_column(width=6, justify="right")),
            detail,
            console=console,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}
        run = _RunColumn(lambda: self._describe_run(), table_column=_column(ratio=1, overflow="ellipsis"))
        whole = Progress(run, console=console, expand=True)
        whole.add_task("run", total=None)
        self._live = Live(
            Group(self._steps, whole),
            console=console,
            refresh_per_second=10,
            # What libraries print goes to the log, not above the lines.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def follow(self, describe_run: Callable[[], str]) -> None:
        self._describe_run = describe_run

    def start(self, step: str) -> None:
        self._tasks[step] = self._steps.add_task(step, total=1, detail="")
        fitting = max(self._live.console.height - 2, 1)
        for hidden in list(self._tasks.values())[:-fitting]:
            self._steps.update(hidden, visible=False)

    def update(self, step: str, text: str) -> None:
        self._steps.update(self._tasks[step], detail=show_line(text))

    def note(self, step: str, text: str) -> None:
        _print_wrapped(self._live.console, step, text)

    def finish(self, step: str, seconds: float | None, result: str) -> None:
        detail = "cached" if seconds is None else result or "done"
        self._steps.update(self._tasks[step], detail=show_line(detail), completed=1)

    def close(self) -> None:
        for task in self._tasks.values():
            self._steps.update(task, visible=True)
        self._describe_run = str
        self._live.stop()


class _ElapsedColumn(ProgressColumn):
    """How long a step has worked, in minutes and seconds."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time if task.finished else task.elapsed
        minutes, seconds = divmod(int(elapsed or 0.0), 60)
        return Text(f"{minutes}:{seconds:02d}", style="progress.elapsed")


class _RunColumn(ProgressColumn):
    """How far the whole run is."""

    def __init__(self, describe: Callable[[], str], table_column: Column) -> None:
        super().__init__(table_column)
        self._describe = describe

    def render(self, task: Task) -> Text:
        text = self._describe()
        return Text(f"  {'Run':<{_NAME_WIDTH}} {text}" if text else "")


def _column(**options: object) -> Column:
    return Column(no_wrap=True, **options)  # type: ignore[arg-type]


def _join(text: str, run: str) -> str:
    return f"{text} [{run}]" if run else text


def _print_line(console: Console, step: str, text: str) -> None:
    console.print(show_line(f"{step:<{_NAME_WIDTH}} {text}"), markup=False, highlight=False, soft_wrap=True)


def _print_wrapped(console: Console, step: str, text: str) -> None:
    """Prints a line, broken between words where the terminal ends; a path that is longer is left whole."""
    indent = " " * (_NAME_WIDTH + 1)
    lines = textwrap.wrap(
        show_line(text),
        max(console.width, 2 * len(indent)),
        initial_indent=f"{show_line(step):<{_NAME_WIDTH}} ",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def make_view(console: Console) -> ProgressView:
    """A live view if the console is a terminal whose lines can be written over, else a plain one."""
    return LiveView(console) if console.is_terminal and not console.is_dumb_terminal else PlainView(console)
