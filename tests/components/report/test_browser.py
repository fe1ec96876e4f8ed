"""A browser without a network shows hostile texts as texts, runs nothing, and logs no error."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from diptych.components.report.catalogue_page import render_catalogue_page
from diptych.components.report.comparison_page import render_comparison
from diptych.components.report.page import render_report
from tests.components.report.comparison.compared_runs import make_comparison, make_pictures
from tests.components.report.report_fixtures import HOSTILE, catalogue_page, good_data, hostile_data

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt install chromium")

PAGES = ("report", "comparison", "catalogue")

# A page's script would change its title; the image's handler, its body.
SPY = "<script>document.title = 'the spy ran'</script><img src=x onerror=\"document.title = 'the spy ran'\">"


def browse(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Opens a file in headless Chromium; no name resolves, and what the console says goes to stderr."""
    command = [
        str(CHROMIUM),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--enable-logging=stderr",
        f"--user-data-dir={path.parent / 'profile'}",
        *options,
        path.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def console_lines(process: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of the page's console."""
    return [line for line in process.stderr.splitlines() if "CONSOLE" in line]


def make_hostile_page(name: str) -> str:
    """One of ``PAGES`` with hostile texts."""
    if name == "comparison":
        comparison = make_comparison(hostile_data(), HOSTILE)
        return render_comparison(comparison, make_pictures(comparison))
    return render_report(hostile_data()) if name == "report" else render_catalogue_page(catalogue_page(HOSTILE))


@pytest.fixture(params=PAGES)
def opened(request: Any, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "page.html"
    path.write_text(make_hostile_page(request.param), encoding="utf-8")
    return browse(path, "--dump-dom")


def test_hostile_texts_are_shown_and_nothing_runs_or_loads(opened: subprocess.CompletedProcess[str]) -> None:
    assert console_lines(opened) == []
    assert not re.search(r"<script>alert|<img src=.?x", opened.stdout)
    assert "alert('x')" in opened.stdout


def test_a_script_that_got_into_the_page_would_not_run(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(render_report(good_data()).replace("</main>", f"{SPY}</main>"), encoding="utf-8")
    found = browse(path, "--dump-dom")
    assert any("Content Security Policy" in line for line in console_lines(found))
    assert "<title>the spy ran" not in found.stdout


def test_without_the_policy_it_would_run(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    unguarded = re.sub(r"<meta http-equiv=[^>]*>", "", render_report(good_data()))
    path.write_text(unguarded.replace("</main>", f"{SPY}</main>"), encoding="utf-8")
    assert "<title>the spy ran" in browse(path, "--dump-dom").stdout


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_as_wide_as_its_window(tmp_path: Path, width: int, page: str) -> None:
    """What is too wide scrolls in its own place."""
    (tmp_path / "page.html").write_text(make_hostile_page(page), encoding="utf-8")
    # Headless windows are at least 500 pixels wide; frames are not.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="page.html" style="width:{width}px;height:900px;border:0"></iframe><script>'
        "onload = () => { const root = document.querySelector('iframe').contentDocument.documentElement;"
        "document.title = root.scrollWidth + ' of ' + root.clientWidth }</script>"
    )
    found = browse(
        frame, "--dump-dom", "--allow-file-access-from-files", "--window-size=1600,1000", "--hide-scrollbars"
    )
    assert f"<title>{width} of {width}</title>" in found.stdout
