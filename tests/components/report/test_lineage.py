"""Lineage: fingerprints that follow content, and drawings that stay on the paper."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from diptych.components.report.lineage import draw, fingerprint, modified

NAMES = st.sampled_from("abcdef")


def test_a_fingerprint_follows_names_and_bytes(tmp_path: Path) -> None:
    prints = set()
    for name, content in (("x", b"1"), ("x", b"2"), ("y", b"2")):
        folder = tmp_path / name / content.decode()
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        prints.add(fingerprint(str(folder)))
        assert fingerprint(str(folder)) in prints
    assert len(prints) == 3
    assert modified(str(tmp_path)).endswith("Z")


def test_what_is_not_there_has_neither_fingerprint_nor_time(tmp_path: Path) -> None:
    assert fingerprint(str(tmp_path / "absent")) == modified(str(tmp_path / "absent")) == ""


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=6))
def test_any_graph_can_be_drawn(upstream: dict[str, list[str]]) -> None:
    drawing = draw(upstream)
    assert len({(box.x, box.y) for box in drawing.boxes}) == len({box.name for box in drawing.boxes})
    for box in drawing.boxes:
        assert 0 <= box.x <= box.x + box.width <= drawing.width
        assert 0 <= box.y <= box.y + box.height <= drawing.height


def test_what_reads_another_lies_below_it_and_shortcuts_are_not_drawn() -> None:
    drawing = draw({"gen": [], "stats": ["gen"], "gate": ["gen", "stats"]})
    assert [(above.name, below.name) for above, below in drawing.lines] == [("gen", "stats"), ("stats", "gate")]
    assert all(above.y < below.y for above, below in drawing.lines)
