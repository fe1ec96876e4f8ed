"""Worker processes start whatever program wants them, and end without a word however early they are not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.record_index import index_records
from tests.components.example_gen.test_decoder_pool import SOURCE, options, rows
with DecoderPool(options(processes=PROCESSES), index_records) as pool:
    print(*(result.row for result in pool.process(rows(ROWS), SOURCE, "")))
"""


def run(command: list[str], **arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False, **arguments
    )  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("kind", ["script", "command", "module", "stdin"])
def test_a_program_needs_no_guard_and_may_be_no_file(tmp_path: Path, kind: str) -> None:
    """Each process would import it: it would fail, or the pool would start once more in each of them."""
    program = PROGRAM.replace("PROCESSES", "2").replace("ROWS", "3")
    (tmp_path / "program.py").write_text(program)
    commands = {
        "script": [str(tmp_path / "program.py")],
        "command": ["-c", program],
        "module": ["-m", "program"],
        "stdin": ["-"],
    }
    done = run(commands[kind], cwd=tmp_path, input=program if kind == "stdin" else "")
    assert (done.stdout, done.stderr, done.returncode) == ("1 2 3\n", "", 0)


def test_a_pool_may_end_before_its_processes_are_up() -> None:
    """Of two dozen processes, most are still to be forked when the one row is done."""
    done = run(["-c", PROGRAM.replace("PROCESSES", "24").replace("ROWS", "1")])
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


def test_the_main_module_is_as_it_was(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "before = dict(vars(sys.modules['__main__']))\n"
        + PROGRAM.replace("PROCESSES", "1").replace("ROWS", "1")
        + "print(all(globals()[name] is value for name, value in before.items()))\n"
    )
    (tmp_path / "program.py").write_text(program)
    assert run(["-m", "program"], cwd=tmp_path).stdout == "1\nTrue\n"
