"""Data are equal by their digest, and else told apart row by row."""

from __future__ import annotations

from dataclasses import replace

from diptych.components.report.comparison.row_changes import compare_data
from tests.components.report.comparison.compared_runs import make_rows, make_run


def test_equal_digests_are_equal_data() -> None:
    changes = compare_data(make_run("a"), make_run("b"))
    assert (changes.is_equal, list(changes.changes)) == (True, [])
    assert "equal, record by record" in changes.sentence


def test_each_kind_of_change_has_its_rows() -> None:
    rows = make_rows()
    rows["t0"] = rows["t0"]._replace(labels=("dog",))
    rows["t1"] = rows["t1"]._replace(split="train")
    rows["t2"] = rows["t2"]._replace(description="reworded")
    rows["t3"] = rows["t3"]._replace(image="f" * 64)
    rows["new"] = rows.pop("r0")
    changes = compare_data(make_run("a"), make_run("b", None, rows))
    assert changes.is_equal is False
    assert {change.kind: list(change.ids) for change in changes.changes} == {
        "only in A": ["r0"],
        "only in B": ["new"],
        "another label": ["t0"],
        "another split": ["t1"],
        "another description": ["t2"],
        "another image": ["t3"],
    }
    details = {change.kind: dict(change.details) for change in changes.changes}
    assert details["another label"] == {"t0": ("cat", "dog")}
    assert details["another split"] == {"t1": ("test", "train")}
    assert [change.kind for change in changes.changes if change.is_of_labels] == ["another label"]


def test_equal_rows_whose_images_are_stored_differently_are_told() -> None:
    a, b = make_run("a"), make_run("b")
    assert b.dataset
    larger = replace(b.dataset, digest="f" * 64, image=b.dataset.image.model_copy(update={"height": 99}))
    assert "stored differently" in compare_data(a, replace(b, dataset=larger)).sentence


def test_a_damaged_dataset_is_not_called_equal_or_different() -> None:
    a, b = make_run("a"), make_run("b")
    assert b.dataset
    assert compare_data(a, replace(b, dataset=replace(b.dataset, digest=""))).is_equal is None
    missing = compare_data(a, replace(b, dataset=None))
    assert (missing.is_equal, missing.sentence) == (None, "The data cannot be compared: there are none of B.")


def test_of_very_large_datasets_only_test_is_compared() -> None:
    a, b = make_run("a"), make_run("b")
    assert a.dataset
    part = replace(a.dataset, is_whole=False, digest="0" * 64)
    assert "The rows of test (" in compare_data(replace(a, dataset=part), b).sentence
