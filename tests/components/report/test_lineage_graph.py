"""Any graph of components is laid out within the drawing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diptych.components.report.lineage_graph import lay_out_graph

NAMES = st.sampled_from("abcdef")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=6))
def test_any_graph_can_be_drawn(upstream: dict[str, list[str]]) -> None:
    layout = lay_out_graph(upstream)
    assert len({(node.x, node.y) for node in layout.nodes}) == len({node.name for node in layout.nodes})
    for node in layout.nodes:
        assert 0 <= node.x <= node.x + node.width <= layout.width
        assert 0 <= node.y <= node.y + node.height <= layout.height


def test_what_reads_another_lies_below_it_and_shortcuts_are_not_drawn() -> None:
    layout = lay_out_graph({"gen": [], "stats": ["gen"], "gate": ["gen", "stats"]})
    assert [(above.name, below.name) for above, below in layout.edges] == [("gen", "stats"), ("stats", "gate")]
    assert all(above.y < below.y for above, below in layout.edges)
