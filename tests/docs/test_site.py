"""``make docs``: the site is built without a warning, is whole, and needs no network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.shell import diptych_commands
from tests.docs.site import hooks
from tests.paths import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def ids_of(page: Path) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))


def test_every_setting_has_an_anchor(site: Path) -> None:
    assert set(hooks.settings_keys()) - ids_of(site / "settings.html") == set()


def test_every_setting_is_described() -> None:
    from diptych.pipeline.settings import Settings

    keys = [key for key, field in hooks.fields("", Settings) if not field.description]
    groups = {key.rpartition(".")[0] for key in hooks.settings_keys()}
    assert [key for key in keys if key not in groups] == []


def test_every_command_has_an_anchor_and_all_its_options(site: Path) -> None:
    page = site / "commands.html"
    assert set(diptych_commands()) - ids_of(page) == set()
    text = page.read_text(encoding="utf-8")
    options = set().union(*diptych_commands().values()) - {"-h", "--help"}
    assert [option for option in options if f"<code>{option}" not in text] == []


def test_every_module_of_the_library_is_shown(site: Path) -> None:
    modules = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert modules
    assert set(modules) - ids_of(site / "library.html") == set()


def test_nothing_is_fetched_from_a_network(site: Path) -> None:
    """A link may lead to the network; what the browser loads by itself may not."""
    script = r'<(?:script|img|iframe)[^>]*\bsrc="?(?:https?:)?//'
    style = r'<link[^>]*\bhref="?(?:https?:)?//[^>]*stylesheet'
    loaded = re.compile(f"{script}|{style}")
    assert [page.name for page in site.glob("*.html") if loaded.search(page.read_text(encoding="utf-8"))] == []


def test_links_of_root_pages_lead_to_the_same_page_in_the_site() -> None:
    text = "[a](docs/runs.md#exit-codes) [b](README.md) [c](examples) [d](https://example.org/x) [e](#here)"
    expected = "[a](runs.md#exit-codes) [b](index.md) c [d](https://example.org/x) [e](#here)"
    assert hooks.root_page(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a_b *c*", r"a\_b \*c\*"), ("``a_b`` is <c>", r"`a_b` is \<c>"), ("[SPAN]", r"\[SPAN]")],
)
def test_docstrings_become_markdown(text: str, expected: str) -> None:
    assert hooks.escape(text) == expected
