"""How a command ends that is told to: by Ctrl-C, by SIGTERM, or because its terminal is gone.

The signal becomes an exception of the main thread: temporary files are removed, and a run writes its summary. Then the
process ends with what it has started, without waiting for threads. It also ends if it does not get there in time, as
where a library works in C, or swallows the exception; what is left then is what a kill leaves.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

# Those who stop processes and then kill them wait for ten seconds (docker) or longer (Kubernetes, systemd).
_GRACE_SECONDS = 8.0
# Who is told again to end ends at once. timeout(1) and shells send a signal to the process and to its whole group.
_REPEAT_SECONDS = 1.0
# Until a finalizer has ended.
_PAUSE_SECONDS = 0.05
_SHOW_CURSOR = b"\x1b[?25h"


class Stopped(KeyboardInterrupt):
    """A signal has told the process to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return "stopped by Ctrl-C" if self.number == signal.SIGINT else f"stopped by {signal.Signals(self.number).name}"


def explain_stop(error: KeyboardInterrupt) -> str:
    """The sentence about a command that was told to end."""
    return f"{str(error) or 'interrupted'}; run it again: a run reuses what it had finished"


def exit_code_of(error: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells have it."""
    return 128 + (error.number if isinstance(error, Stopped) else signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[None]:
    """In this context, which is the last thing that the process does, signals raise ``Stopped``, and end it.

    A signal that whoever started the process has switched off, as nohup does, stays so.
    """
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    received: list[int] = []
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in numbers:
        signal.signal(number, _make_handler(received))
    sys.unraisablehook = _make_hook(received)
    # A handler in Python waits until the main thread is back from C; the byte in the pipe does not.
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, os.dup(2), numbers), daemon=True).start()
    try:
        yield
    finally:
        if received:
            _kill_descendants()
            # What libraries still clean up, as multiprocessing its temporary folder; they would wait for threads later.
            atexit._run_exitfuncs()
            _end(received[0])
        signal.set_wakeup_fd(-1)
        sys.unraisablehook = sys.__unraisablehook__
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _make_handler(received: list[int]) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, _: FrameType | None) -> None:
        received.append(number)
        # A second one must not stop what cleans up.
        if len(received) == 1:
            raise Stopped(number)

    return handle


def _make_hook(received: list[int]) -> Callable[[Any], None]:
    """A ``sys.unraisablehook``: Python drops exceptions of finalizers, so what came in one is raised once more."""

    def hook(unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, Stopped):
            received.clear()
            threading.Timer(_PAUSE_SECONDS, os.kill, (os.getpid(), unraisable.exc_value.number)).start()
        else:
            sys.__unraisablehook__(unraisable)

    return hook


def _watch(pipe: int, terminal: int, numbers: list[int]) -> None:
    """Ends the process if a signal has not done so within the grace, or when another one comes."""
    while (number := os.read(pipe, 1)[0]) not in numbers:
        pass
    told = time.monotonic()
    while (left := told + _GRACE_SECONDS - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            is_told_again = os.read(pipe, 1)[0] in numbers and time.monotonic() - told > _REPEAT_SECONDS
            if is_told_again:
                break
    with suppress(OSError):
        os.write(terminal, (_SHOW_CURSOR if os.isatty(terminal) else b"") + f"diptych: {Stopped(number)}\n".encode())
    _kill_descendants()
    _end(number)


def _end(number: int) -> None:
    """Ends this process; nothing waits for threads that still work."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(128 + number)


def _kill_descendants() -> None:
    for process in _descendants(os.getpid()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _descendants(process: int) -> list[int]:
    found = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                for child in map(int, file.read().split()):
                    found += [child, *_descendants(child)]
    return found
