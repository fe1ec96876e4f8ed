"""The rules of axe-core (https://github.com/dequelabs/axe-core) find nothing in the pages, folded and unfolded."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.components.report.catalogue_page import render_catalogue_page
from diptych.components.report.comparison_page import render_comparison
from diptych.components.report.page import render_report
from tests.components.report.comparison.compared_runs import make_comparison, make_pictures
from tests.components.report.devtools import Tab, open_browser
from tests.components.report.report_fixtures import catalogue_page, good_data
from tests.components.report.test_report_in_browser import CHROMIUM, UNFOLD, full_data

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt install chromium")

PAGES = ("report", "comparison", "catalogue")
_FOUND = "axe.run().then(found => JSON.stringify(found))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    path = Path(tmp_path_factory.mktemp("pages"))
    comparison = make_comparison(good_data(), "plain")
    pages = {
        "report": render_report(full_data()),
        "comparison": render_comparison(comparison, make_pictures(comparison)),
        "catalogue": render_catalogue_page(catalogue_page("plain")),
    }
    for name, page in pages.items():
        (path / f"{name}.html").write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tab(tmp_path_factory: Any) -> Iterator[Tab]:
    with open_browser(str(CHROMIUM), Path(tmp_path_factory.mktemp("profile"))) as tab:
        yield tab


def violations(tab: Tab) -> list[str]:
    """Each rule that is broken, and the elements that break it."""
    found = json.loads(tab.evaluate(_FOUND))
    assert len(found["passes"]) > 10
    return [f"{rule['id']}: {[node['html'][:200] for node in rule['nodes']]}" for rule in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(tab: Tab, folder: Path, name: str, width: int, scheme: str) -> None:
    tab.emulate(scheme=scheme)
    tab.open(folder / f"{name}.html", width)
    tab.evaluate((importlib.resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    assert violations(tab) == []
    tab.evaluate(UNFOLD)
    assert violations(tab) == []


def test_axe_would_find_a_picture_without_a_text(tab: Tab, folder: Path) -> None:
    tab.open(folder / "report.html")
    tab.evaluate((importlib.resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    tab.evaluate("document.querySelector('main').append(document.createElement('img'))")
    assert any(found.startswith("image-alt") for found in violations(tab))
