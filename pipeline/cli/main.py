"""The entry point of ``diptych``.

It imports next to nothing: a signal that comes while the commands are loaded ends the process as it does later.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from types import TracebackType

from diptych.pipeline.cli.stopping import exit_code_of, explain_stop, stoppable


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        arguments: None for those of the process: it is then the command's own, and signals end both.
    """
    if arguments is not None:
        return _run(arguments)
    sys.excepthook = _show_traceback
    with stoppable():
        return _run(sys.argv[1:])


def _run(arguments: Sequence[str]) -> int:
    # Google's libraries say at every import which Python and grpcio they will want; the lock file decides on both.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    try:
        from diptych.pipeline.cli.command_line import run_command

        return run_command(arguments)
    except KeyboardInterrupt as error:
        sys.stderr.write(f"diptych: {explain_stop(error)}\n")
        return exit_code_of(error)


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from diptych.pipeline.cli.terminal import show_traceback

    show_traceback(kind, error, trace)
