"""Layouts: each is a function that writes a catalogue as a tool writes it, and says which rows must come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from tests.first_contact.pictures import Item, items
from tests.first_contact.tool_runner import Tools


@dataclass(frozen=True)
class Written:
    """A catalogue that was written.

    Attributes:
        path: what ``diptych init`` is given: a file, a folder or a pattern of files.
        rows: what must be read, in any order.
        rejects: number of rows that must be rejected.
        says: phrases that ``diptych init`` must print.
    """

    path: Path | str
    rows: list[Item]
    rejects: int = 0
    says: tuple[str, ...] = ()


Writer = Callable[[Path, Tools], Written]
"""Writes a layout into an empty folder."""


@dataclass(frozen=True)
class Layout:
    """How people hold catalogues.

    Attributes:
        name: of its test.
        tool: what writes it, and whether it is imitated by hand here.
        what: what the tool writes.
    """

    name: str
    tool: str
    what: str
    write: Writer


_LAYOUTS: list[Layout] = []


def register(name: str, tool: str, what: str, write: Writer) -> None:
    """Adds a layout."""
    _LAYOUTS.append(Layout(name, tool, what, write))


def layout(tool: str, what: str) -> Callable[[Writer], Writer]:
    """Registers a function by its name."""

    def decorate(write: Writer) -> Writer:
        register(write.__name__, tool, what, write)
        return write

    return decorate


def by_script(
    command: Sequence[str], file: str = ".", rows: Callable[[], list[Item]] = items, says: tuple[str, ...] = ()
) -> Writer:
    """Lets a script of ``tools`` write the rows.

    Args:
        command: the script and its arguments.
        file: what ``diptych init`` is given, below the folder.
    """
    script, *arguments = command

    def write(folder: Path, tools: Tools) -> Written:
        written = rows()
        tools.run(script, folder, written, *arguments)
        return Written(folder / file, written, says=says)

    return write


def all_layouts() -> list[Layout]:
    """The layouts of all modules of this package, in the order of the modules and functions."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return _LAYOUTS
