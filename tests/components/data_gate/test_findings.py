"""Messages name a few of the rows and count the others."""

from __future__ import annotations

from diptych.components.data_gate.findings import join_names


def test_names_are_cut_and_counted() -> None:
    assert join_names(["a", "b"]) == "a, b"
    assert join_names("abcdefg") == "a, b, c, d, e and 2 more"
    assert join_names([]) == ""
