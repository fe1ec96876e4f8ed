"""Runs a command again and again, with one fault more each time, and says what became of it and of the files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.injection import FAULTS, Ended, Fault, Host, Kind, files_in, restore

# Of so many operations each fails, and else so many spread over them.
_MOST = 25
# What differs from one operation to its like: names of temporary files, numbers, digests.
_VARYING = re.compile(r"tmp[a-z0-9_]{8}|[0-9a-f-]*[0-9][0-9a-f-]*")
_PATH = re.compile("'[^']*/?[^']+'")


@dataclass(frozen=True)
class Command:
    """A command to sweep over.

    Attributes:
        is_told: whether a command has said what a fault cost it, and done the rest.
        progress: a pattern of the lines that it prints on standard error while it works.
        ignored: what may differ in other ways: the beginning of the paths of files, from the host's root on.
        most: how many faults of each sort.
    """

    arguments: Sequence[str]
    is_told: Callable[[Ended], bool] = lambda ended: False
    progress: str = "$."
    ignored: Sequence[str] = ()
    most: int = _MOST

    @property
    def name(self) -> str:
        return self.arguments[0]


@dataclass
class Swept:
    """What faults did to a command.

    Attributes:
        faults: how many were injected.
        tracebacks: how many ended with one.
        lost: after how many a file was neither as before nor as it should be.
        wrong: a line about each fault after which something does not hold.
    """

    faults: int = 0
    tracebacks: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)

    def figure(self, command: Command) -> str:
        """The figures, for the table of what is promised."""
        return f"{command.name}: {self.faults:,} faults injected, {self.tracebacks} tracebacks, {self.lost} files lost"


def sweep(host: Host, command: Command, faults: Sequence[Fault] = FAULTS) -> Swept:
    """Lets each operation of a command fail, by each sort of fault; the files are given back in between."""
    swept = Swept()
    before = files_in(host.root)
    operations: dict[Kind, list[int]] = {}
    for fault in faults:
        if fault.kinds not in operations:
            done = host.run(command.arguments, fault)
            assert done.code == 0, done
            after, operations[fault.kinds] = files_in(host.root), choose_operations(done.operations, command.most)
            restore(host.root, before, after)
        for number in operations[fault.kinds]:
            ended = host.run(command.arguments, fault, number)
            if not ended.fault:
                break
            found = files_in(host.root)
            swept.faults += 1
            told = f"{command.name}: {fault} at {number}, {ended.fault}:"
            problems = list(_judge(command, ended, *(_kept(command, files) for files in (before, found, after))))
            swept.tracebacks += "Traceback" in ended.error
            swept.lost += any("lost" in problem for problem in problems)
            if ended.code and not problems and found != before:
                again = host.run(command.arguments)
                repeated = files_in(host.root)
                if again.code or _kept(command, repeated) != _kept(command, after):
                    problems.append(f"the next run does not mend it: {again}")
                restore(host.root, before, repeated)
            else:
                restore(host.root, before, found)
            swept.wrong += [f"{told} {problem}\n  {ended.error.strip()}" for problem in problems]
    return swept


def choose_operations(operations: Sequence[str], most: int) -> list[int]:
    """The numbers of operations, from 1: the first and the last of each sort, or so many spread over these."""
    kinds = [_VARYING.sub("*", operation) for operation in operations]
    last = {kind: number for number, kind in enumerate(kinds, 1)}
    first = {kind: len(kinds) - number for number, kind in enumerate(reversed(kinds))}
    numbers = sorted({*first.values(), *last.values()})
    return numbers if len(numbers) <= most else [numbers[len(numbers) * place // most] for place in range(most)]


def _kept(command: Command, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if not name.startswith(tuple(command.ignored) or "//")}


def _judge(
    command: Command,
    ended: Ended,
    before: Mapping[str, bytes],
    found: Mapping[str, bytes],
    after: Mapping[str, bytes],
) -> Iterator[str]:
    """What does not hold after a fault."""
    if command.is_told(ended):
        return
    if ended.code:
        yield from judge_failure(ended, command.progress)
    elif found != after:
        yield f"succeeded with other files: {_differing(found, after)}"
    for name in found:
        if found[name] not in (before.get(name), after.get(name)):
            yield f"{name} is " + ("lost: neither the old nor the new one" if name in before else "left behind")
    for name in before.keys() - found.keys():
        # The folder may hold something now.
        if not (name.endswith("/") or name not in after):
            yield f"{name} is lost"


def judge_failure(ended: Ended, progress: str = "$.") -> Iterator[str]:
    """What is wrong with how a command failed: it must say so in a sentence with path, cause and remedy.

    Args:
        progress: as in ``Command``.
    """
    if ended.code <= 0:
        yield f"ended with {ended.code}"
    if "Traceback" in ended.error + ended.out:
        yield "a traceback"
    lines = [line for line in ended.error.strip().split("\n") if not re.match(progress, line)]
    if [line.startswith("diptych: ") for line in lines[:1]] != [True] or ended.error.count("diptych: ") > 1:
        yield "not one sentence"
        return
    if not _PATH.search(lines[0]):
        yield "no path"
    if not re.search("[;:] .*(free|name|change|raise|run|check|remove|copy)", lines[0]):
        yield "no remedy"


def _differing(some: Mapping[str, bytes], others: Mapping[str, bytes]) -> list[str]:
    return sorted(name for name in some.keys() | others.keys() if some.get(name) != others.get(name))
