"""Commands of the pages: how they are cut into words, and what each must be."""

from __future__ import annotations

import argparse
import re
import shlex
from functools import cache
from importlib.util import find_spec

from diptych.pipeline.cli.command_line import build_parser
from tests.docs.markdown import Code, page_blocks
from tests.paths import ROOT

#: Commands of other software. The tests know their names only: they need a cluster, a container engine, the network, or
#: would change the machine or the repository.
OTHERS = frozenset({"docker", "git", "kubectl", "mc", "pip", "source"})


def command_lines(block: Code) -> list[list[str]]:
    """The commands of a block as words, without comments and the sign for the background."""
    lines = block.text.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [[word for word in line if word != "&"] for line in words if line]


def problem_of(words: list[str], page: str) -> str | None:
    """What is wrong with a command; None if nothing is.

    Args:
        page: the page that has it, whose Python blocks may be scripts that it calls.
    """
    command, arguments = words[0].removeprefix(".venv/bin/"), words[1:]
    if command == "diptych":
        return _diptych(arguments)
    if command == "make":
        return _make(arguments)
    if command == "python":
        return _python(arguments, page)
    if command == "./bootstrap.sh":
        return None if arguments in ([], ["--dry-run"]) else "bootstrap.sh knows no such option"
    if command == "uv":
        return None if arguments == ["build"] else "only uv build is known here"
    return (
        None if command in OTHERS else f"'{command}' is no command that tests know: add a rule to tests/docs/shell.py"
    )


def _diptych(arguments: list[str]) -> str | None:
    try:
        build_parser().parse_args(arguments)
    except SystemExit as stop:
        return f"diptych {' '.join(arguments)}: usage is wrong" if stop.code else None
    return None


@cache
def make_targets() -> frozenset[str]:
    """The targets of the Makefile."""
    return frozenset(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _make(arguments: list[str]) -> str | None:
    unknown = [word for word in arguments if "=" not in word and word not in make_targets()]
    return f"the Makefile has no target {', '.join(unknown)}" if unknown else None


def _python(arguments: list[str], page: str) -> str | None:
    if arguments[0] == "-m":
        name, rest = arguments[1], arguments[2:]
        missing = [word for word in rest if name == "pytest" and word.endswith(".py") and not (ROOT / word).exists()]
        return f"there is no module {name}" if find_spec(name) is None else f"no file {missing}" if missing else None
    script = arguments[0]
    # A page that makes the reader save a script shows it.
    shown = page_blocks(page, "python") and f"`{script}`" in _text(page)
    return None if shown or (ROOT / script).exists() else f"there is no script {script}"


def _text(page: str) -> str:
    (path,) = (path for path in (ROOT / page, ROOT / "docs" / page) if path.exists())
    return path.read_text(encoding="utf-8")


@cache
def diptych_commands() -> dict[str, set[str]]:
    """The options of each command of ``diptych``."""
    (action,) = (one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction))
    return {
        name: {option for one in parser._actions for option in one.option_strings}
        for name, parser in action.choices.items()
    }
