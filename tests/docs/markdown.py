"""The pages that people read, cut into blocks of code and inline code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

PAGES = tuple(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")) + tuple(
    sorted((ROOT / "docs").glob("*.md"))
)
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Code:
    """A block of code, or a piece of inline code.

    Attributes:
        page: the file's name.
        line: where it begins, from 1.
        language: of a block; empty for inline code.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def code_blocks(*languages: str) -> list[Code]:
    """The blocks of all pages in these languages."""
    return [code for page in PAGES for code in _blocks(page) if code.language in languages]


def page_blocks(page: str, *languages: str) -> list[Code]:
    """The blocks of one page in these languages, in its order."""
    return [code for code in code_blocks(*languages) if code.page == page]


def all_languages() -> set[str]:
    """The languages of all blocks."""
    return {code.language for page in PAGES for code in _blocks(page)}


def inline_code() -> list[Code]:
    """The inline code of all pages."""
    return [code for page in PAGES for code in _inline(page)]


def whole_text() -> str:
    """The text of all pages."""
    return "\n".join(_read(page) for page in PAGES)


def _read(page: Path) -> str:
    """The text of a page; of the changelog what is not released yet, for the rest is history."""
    text = page.read_text(encoding="utf-8")
    return re.split(r"^## \d", text, maxsplit=1, flags=re.MULTILINE)[0] if page.name == "CHANGELOG.md" else text


def _blocks(page: Path) -> Iterator[Code]:
    text = _read(page)
    for found in _FENCE.finditer(text):
        yield Code(page.name, text.count("\n", 0, found.start()) + 1, found[1], found[2])


def _inline(page: Path) -> Iterator[Code]:
    # Blocks become empty lines, so that line numbers stay.
    text = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), _read(page))
    for found in _INLINE.finditer(text):
        yield Code(page.name, text.count("\n", 0, found.start()) + 1, "", found[1])
