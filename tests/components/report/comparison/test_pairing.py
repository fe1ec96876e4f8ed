"""Models are compared on the rows that both were measured on, and on no others."""

from __future__ import annotations

import pytest

from diptych.components.report.comparison.pairing import find_shared_rows, pair, why_not_comparable
from tests.components.report.comparison.compared_runs import make_rows, make_run


def test_equal_ids_images_and_labels_are_the_same_rows() -> None:
    shared = find_shared_rows(make_run("a"), make_run("b"))
    assert shared.is_same
    assert list(shared.ids) == ["t0", "t1", "t2", "t3", "t4", "t5"]


def test_rows_that_differ_are_left_out_and_counted() -> None:
    rows = make_rows()
    rows["t0"] = rows["t0"]._replace(labels=("dog",))
    rows["t1"] = rows["t1"]._replace(image="f" * 64)
    rows["t2"] = rows["t2"]._replace(split="train")
    rows["t3"] = rows["t3"]._replace(description="reworded")
    rows["t9"] = rows["t5"]
    del rows["t5"]
    other = make_run("b", "cat cat dog dog owl", rows)
    shared = find_shared_rows(make_run("a"), other)
    assert not shared.is_same
    assert list(shared.ids) == ["t3", "t4"]
    assert shared.left_out == {"only in A": 2, "only in B": 1, "with another label": 1, "with another image": 1}
    assert shared.reworded == 1


def test_a_row_that_one_did_not_predict_is_left_out() -> None:
    a, b = make_run("a"), make_run("b", predictions={"t0": ("cat",)})
    shared = find_shared_rows(a, b)
    assert list(shared.ids) == ["t0"]
    assert shared.left_out == {"without a prediction": 5}


def test_without_predictions_or_rows_in_common_nothing_is_compared() -> None:
    a, b = make_run("a"), make_run("b", None)
    assert why_not_comparable(a, b, find_shared_rows(a, b)) == "there are no predictions of B"
    others = {f"x{row_id}": row for row_id, row in make_rows().items()}
    c = make_run("c", rows=others)
    assert "no row" in str(why_not_comparable(a, c, find_shared_rows(a, c)))
    assert why_not_comparable(a, a, find_shared_rows(a, a)) is None


def test_a_pushed_model_is_asked_about_the_rows_of_the_run() -> None:
    a, b = make_run("a"), make_run("b", dataset=None, is_pushed=True)
    for first, second in ((a, b), (b, a)):
        shared = find_shared_rows(first, second)
        assert shared.is_same
        assert len(shared.ids) == 6
        assert pair(first, second, shared, 0.95).differences["accuracy"].value == 0


def test_what_b_has_more_is_told_with_the_rows_that_changed() -> None:
    a, b = make_run("a", "cat cat dog dog cat cat"), make_run("b", "cat cat cat dog dog dog")
    pairing = pair(a, b, find_shared_rows(a, b), 0.95)
    difference = pairing.differences["accuracy"]
    assert (pairing.metric, difference.value) == ("accuracy", pytest.approx(2 / 6))
    assert (difference.wins, difference.losses) == (2, 0)
    assert pairing.a.metrics["accuracy"] == pytest.approx(3 / 6)
    assert [change.id for change in pairing.gained] == ["t2", "t4"]
    assert (list(pairing.lost), pairing.moved) == ([], 1)
    assert (pairing.gained[0].a, pairing.gained[0].b) == (("dog",), ("cat",))


def test_labels_are_told_by_their_own_rows_and_wrong_guesses() -> None:
    a, b = make_run("a", "cat cat dog dog cat cat"), make_run("b", "cat cat cat dog dog dog")
    labels = {each.label: each for each in pair(a, b, find_shared_rows(a, b), 0.95).labels}
    cat, owl = labels["cat"], labels["owl"]
    assert (cat.rows, cat.wins, cat.losses) == (3, 3, 0)
    assert cat.f1 == (pytest.approx(4 / 7), 1.0)
    assert cat.recall == (pytest.approx(2 / 3), 1.0)
    assert (owl.rows, owl.f1, owl.wins, owl.losses, owl.p) == (1, (0.0, 0.0), 0, 0, 1.0)


def test_the_most_certain_label_comes_first() -> None:
    a, b = make_run("a", "dog dog dog dog dog owl"), make_run("b", "cat cat cat dog owl owl")
    labels = pair(a, b, find_shared_rows(a, b), 0.95).labels
    assert [each.label for each in labels] == ["cat", "dog", "owl"]
    assert [each.p for each in labels] == sorted(each.p for each in labels)


def test_rows_of_several_labels_are_judged_by_micro_f1() -> None:
    rows = make_rows()
    rows["t0"] = rows["t0"]._replace(labels=("cat", "dog"))
    a, b = make_run("a", rows=rows), make_run("b", rows=rows)
    assert pair(a, b, find_shared_rows(a, b), 0.95).metric == "micro_f1"
