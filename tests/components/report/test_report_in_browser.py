"""The report in a browser: at three widths, in the dark, on paper, by keyboard, without scripts, and its gallery."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from diptych.components.report import report_data
from diptych.components.report.gallery_rows import GalleryRow, Prediction, RowGallery
from diptych.components.report.page import render_report
from diptych.components.report.report_data import ReportData
from diptych.components.report.row_gallery import MAX_ROWS
from diptych.components.report.sprites import make_sheets
from diptych.models.statistics.row_predictions import CalibrationBin
from diptych.models.step_usage import StepUsage
from tests.components.report.devtools import Tab, open_browser
from tests.components.report.report_fixtures import HOSTILE, good_data, hostile_data, make_profile, make_row
from tests.helpers import noise

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt install chromium")

LABELS = ("bird", "cat", "dog & co")
SCREEN = 900
UNFOLD = "document.querySelectorAll('details').forEach(each => each.open = true)"
SHOWN_TILES = "[...document.querySelectorAll('#tiles button')].map(each => each.innerText)"

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), at
# severity 1, and what is left of colours in a print without them.
VISIONS = {
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def make_gallery(rows: int, side: int = 12) -> RowGallery:
    """A gallery of noise: labels in turn, every third row of test and predicted a cat, the first one with a finding."""
    described = [
        GalleryRow(
            id=f"row-{number}",
            split="test" if number % 3 == 0 else "train",
            labels=(LABELS[number % 2],),
            description=f"text {number}",
            prediction=Prediction(("cat",), 0.75) if number % 3 == 0 else None,
            findings=("label_rare",) if number == 0 else (),
        )
        for number in range(rows)
    ]
    return RowGallery(rows, described, make_sheets(Image.fromarray(noise(n, side, side)) for n in range(rows)))


def full_data() -> ReportData:
    """The data of a run that came to the end, with as much of everything as a page shows."""
    counts = {actual: dict.fromkeys(LABELS, 5) for actual in LABELS}
    figures = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 15.0}
    return replace(
        good_data(),
        profile=make_profile("plain"),
        confusion=counts,
        per_label=dict.fromkeys(LABELS, figures),
        predictions=report_data.PredictionSummary(45, [CalibrationBin(45, 0.7, 0.4)], [make_row("plain")] * 18),
        gallery=make_gallery(90),
        settings={"train.epochs": ("6", "30")},
        usage={"Trainer": StepUsage(20.5, 1_940_000_000), "Pusher": StepUsage(0.1)},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    """Pages: ``full.html``, ``hostile.html`` and, with as many rows as there may be, ``large.html``."""
    path = Path(tmp_path_factory.mktemp("pages"))
    large = replace(good_data(), gallery=make_gallery(MAX_ROWS, 40))
    for name, data in {"full": full_data(), "hostile": hostile_data(), "large": large}.items():
        (path / f"{name}.html").write_text(render_report(data), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: Any) -> Iterator[Tab]:
    with open_browser(str(CHROMIUM), Path(tmp_path_factory.mktemp("profile"))) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Tab:
    browser.emulate()
    browser.let_scripts_run(True)
    browser.messages.clear()
    return browser


@pytest.mark.parametrize("width", [1440, 768, 390])
@pytest.mark.parametrize("name", ["full", "hostile"])
def test_nothing_is_wider_than_the_window_and_nothing_is_logged(tab: Tab, folder: Path, name: str, width: int) -> None:
    tab.open(folder / f"{name}.html", width)
    tab.evaluate(UNFOLD)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.messages == []


@pytest.mark.parametrize(("width", "height"), [(1440, 4 * SCREEN), (390, 9000)])
def test_what_is_not_folded_is_read_on_a_few_screens(tab: Tab, folder: Path, width: int, height: int) -> None:
    tab.open(folder / "full.html", width)
    assert tab.evaluate("document.documentElement.scrollHeight") < height


def test_charts_use_the_width(tab: Tab, folder: Path) -> None:
    """Side by side, they leave less than a fifth of the column blank."""
    tab.open(folder / "full.html")
    drawn = "[...document.querySelectorAll('#text .charts > *')].map(each => each.getBoundingClientRect().width)"
    tab.evaluate(UNFOLD)
    column = tab.evaluate("document.getElementById('text').getBoundingClientRect().width")
    assert sum(tab.evaluate(drawn)) > 0.8 * column


def test_the_navigation_stays_and_leads_into_folded_sections(tab: Tab, folder: Path) -> None:
    tab.open(folder / "full.html", 390)
    assert not tab.evaluate("document.getElementById('features').closest('details').open")
    tab.evaluate("document.querySelector('nav a[href=\"#features\"]').click()")
    assert tab.evaluate("document.getElementById('features').closest('details').open")
    # In the next frame, the browser has scrolled.
    tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert tab.evaluate("scrollY") > 300
    assert tab.evaluate("document.querySelector('nav').getBoundingClientRect().top") == 0


def test_sections_fold_by_keyboard(tab: Tab, folder: Path) -> None:
    tab.open(folder / "full.html")
    tab.evaluate("document.querySelector('#images').closest('details').querySelector('summary').focus()")
    tab.press("Enter", 13)
    assert tab.evaluate("document.getElementById('images').closest('details').open")


def test_the_gallery_is_filtered_by_the_address(tab: Tab, folder: Path) -> None:
    tab.open(folder / "full.html", fragment="#gallery?split=test&label=cat")
    assert tab.evaluate("document.getElementById('gallery').closest('details').open")
    # Of rows 0, 3, 6, ... every second one is a cat.
    assert tab.evaluate("document.getElementById('matches').textContent") == "15 of 90 rows"
    assert tab.evaluate(SHOWN_TILES) == ["cat"] * 15


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ({"split": "train"}, 60),
        ({"label": "bird"}, 45),
        ({"predicted": "cat"}, 30),
        ({"outcome": "wrong"}, 15),
        ({"outcome": "not asked"}, 60),
        ({"finding": "label_rare"}, 1),
        ({"finding": "*"}, 1),
        ({"text": "TEXT 89"}, 1),
        ({"split": "test", "outcome": "right"}, 15),
        ({"split": "train", "outcome": "right"}, 0),
    ],
)
def test_each_filter_leaves_its_rows(tab: Tab, folder: Path, filters: dict[str, str], rows: int) -> None:
    tab.open(folder / "full.html")
    for name, value in filters.items():
        control = f"document.querySelector('#filters [name={name}]')"
        tab.evaluate(f"{control}.value = '{value}'; {control}.dispatchEvent(new Event('input'))")
    assert tab.evaluate("document.getElementById('matches').textContent") == f"{rows} of 90 rows"
    assert len(tab.evaluate(SHOWN_TILES)) == rows
    tab.evaluate("document.getElementById('no-filter').click()")
    assert tab.evaluate("document.getElementById('matches').textContent") == "90 of 90 rows"


def test_rows_are_put_in_the_order_of_how_sure_the_network_is(tab: Tab, tmp_path: Path) -> None:
    gallery = make_gallery(9)
    scores = {0: 0.5, 3: 0.9, 6: 0.7}
    rows = [
        replace(row, labels=(row.id,), prediction=replace(row.prediction, score=scores[n]) if row.prediction else None)
        for n, row in enumerate(gallery.rows)
    ]
    page = tmp_path / "page.html"
    page.write_text(render_report(replace(full_data(), gallery=replace(gallery, rows=rows))), encoding="utf-8")
    unasked = [f"row-{n}" for n in (1, 2, 4, 5, 7, 8)]
    for order, asked in {"surest first": [3, 6, 0], "least sure first": [0, 6, 3]}.items():
        tab.open(page, fragment=f"#gallery?order={order.replace(' ', '+')}")
        assert tab.evaluate("document.querySelector('#filters [name=order]').value") == order
        tiles = [tile.split("\n")[0] for tile in tab.evaluate(SHOWN_TILES)]
        assert tiles == [*(f"row-{n}" for n in asked), *unasked]


def test_a_row_of_the_gallery_is_told_in_full(tab: Tab, folder: Path) -> None:
    tab.open(folder / "full.html", fragment="#gallery?finding=label_rare")
    tab.evaluate("document.querySelector('#tiles button').click()")
    told = tab.evaluate("document.getElementById('row').innerText")
    for text in ("row-0", "test", "bird", "cat (75.0 %)", "text 0", "label_rare"):
        assert text in told
    tab.evaluate("document.getElementById('close-row').click()")
    assert not tab.evaluate("document.getElementById('row').open")


def test_each_row_has_its_own_picture(tab: Tab, folder: Path) -> None:
    """The tile of a row in the second sheet shows the place of the sheet where its picture lies."""
    tab.open(folder / "large.html", fragment="#gallery?text=row-4999")
    style = "getComputedStyle(document.querySelector('#tiles .picture'))"
    # 4,999 = 20 x 240 + 199, and 199 = 9 x 20 + 19, of 40 pixels each.
    assert tab.evaluate("document.querySelector('#tiles .picture').className") == "picture s20"
    assert tab.evaluate(f"{style}.backgroundPosition") == "-760px -360px"
    assert tab.evaluate(f"{style}.backgroundImage").startswith('url("data:image/webp;base64,')


def test_of_many_rows_few_tiles_are_made_before_they_are_scrolled_to(tab: Tab, folder: Path) -> None:
    """Noise is the worst of all pictures, and yet the page stays below 5 MB."""
    assert (folder / "large.html").stat().st_size < 5_000_000
    tab.open(folder / "large.html", fragment="#gallery")
    assert tab.evaluate("document.getElementById('matches').textContent") == "5,000 of 5,000 rows"
    tiles = "document.querySelectorAll('#tiles button').length"
    before = tab.evaluate(tiles)
    assert before < 1000
    tab.evaluate(
        "new Promise(done => { const list = document.getElementById('tiles'); new MutationObserver(() => done(1))"
        ".observe(list, {childList: true}); list.scrollTop = list.scrollHeight })"
    )
    assert tab.evaluate(tiles) > before


def test_hostile_texts_are_texts_in_the_gallery_too(tab: Tab, folder: Path) -> None:
    tab.open(folder / "hostile.html", fragment="#gallery?outcome=right")
    tab.evaluate("document.querySelector('#tiles button').click()")
    assert "<script>alert('x')</script>" in tab.evaluate("document.getElementById('row').innerText")
    assert tab.evaluate("document.querySelectorAll('#gallery img[src=x]').length") == 0
    assert tab.messages == []
    assert HOSTILE not in (folder / "hostile.html").read_text(encoding="utf-8")


def test_without_scripts_the_page_is_whole(tab: Tab, folder: Path) -> None:
    tab.let_scripts_run(False)
    tab.open(folder / "full.html")
    tab.evaluate(UNFOLD)
    shown = "[...document.querySelectorAll('{}')].filter(each => each.checkVisibility()).length"
    assert tab.evaluate(shown.format("#sheets img")) == 1
    assert tab.evaluate(shown.format("#filters, #tiles, #unfold, dialog")) == 0


def test_on_paper_all_sections_are_unfolded_without_what_is_clicked(tab: Tab, folder: Path) -> None:
    tab.open(folder / "full.html")
    tab.emulate(medium="print")
    shown = "[...document.querySelectorAll('{}')].filter(each => each.checkVisibility()).length"
    assert tab.evaluate(shown.format("nav, #filters, #tiles, a.screen")) == 0
    heights = "[...document.querySelectorAll('details.fold > div')].map(each => each.getBoundingClientRect().height)"
    assert all(tab.evaluate(heights))
    assert tab.print_pdf().startswith(b"%PDF")


def test_headings_controls_and_pictures_have_what_screen_readers_need(tab: Tab, folder: Path) -> None:
    tab.open(folder / "full.html")
    tab.evaluate(UNFOLD)
    levels = tab.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(each => Number(each.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:], strict=False))
    assert tab.evaluate("[...document.querySelectorAll('select, input')].every(each => each.labels.length === 1)")
    named = "each.innerText.trim() || each.getAttribute('aria-label')"
    assert tab.evaluate(f"[...document.querySelectorAll('button, a, summary')].every(each => {named})")
    assert tab.evaluate("[...document.querySelectorAll('img')].every(each => each.alt)")
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    # What scrolls can be reached by keyboard.
    scrolling = "each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX === 'auto'"
    assert tab.evaluate(
        f"[...document.querySelectorAll('main *')].filter(each => {scrolling}).every(each => each.tabIndex === 0)"
    )


def linear(colour: str) -> NDArray[Any]:
    """A colour ``#rrggbb`` as linear RGB (IEC 61966-2-1)."""
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ (0.2126, 0.7152, 0.0722))


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: NDArray[Any]) -> NDArray[Any]:
    """CIE L*a*b* of linear RGB."""
    matrix = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / (0.9505, 1, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_series_can_be_told_from_paper_and_from_each_other(tab: Tab, folder: Path, scheme: str) -> None:
    tab.open(folder / "full.html")
    tab.emulate(scheme=scheme)
    names = ("paper", "card", "ink", "soft", "good", "bad", "warn", "train", "val", "test", "good-soft", "bad-soft")
    value = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
    colours = {name: tab.evaluate(value.format(name)) for name in (*names, "warn-soft")}
    long = {name: f"#{c[1] * 2}{c[2] * 2}{c[3] * 2}" if len(c) == 4 else c for name, c in colours.items()}
    # WCAG 2.2: 4.5 for texts (1.4.3), 3 for what is drawn (1.4.11).
    for text in ("ink", "soft", "good", "bad", "warn", "train"):
        assert min(contrast(long[text], long[ground]) for ground in ("paper", "card")) >= 4.5, text
    for level in ("good", "bad", "warn"):
        assert contrast(long[level], long[f"{level}-soft"]) >= 4.5, level
    splits = [long[name] for name in ("train", "val", "test")]
    assert min(contrast(colour, long["paper"]) for colour in splits) >= 3
    for vision, matrix in VISIONS.items():
        seen = [lab(np.array(matrix) @ linear(colour)) for colour in splits]
        assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 20, vision
