"""The verdict says which run is better only beyond chance, by how much, and on which rows."""

from __future__ import annotations

from diptych.components.report.comparison.compared_run import ComparedRun, DatasetRow
from diptych.components.report.comparison.comparison import compare_runs
from diptych.components.report.comparison.verdict import ComparisonVerdict
from tests.components.report.comparison.compared_runs import make_rows, make_run

MANY = {f"t{n:02}": DatasetRow("test", n, ("cat",), "", f"{n:064x}") for n in range(40)}


def of_many(wrong: int, **facts: object) -> ComparedRun:
    """A run of 40 rows, of which it has the first wrong."""
    return make_run("x", " ".join(["dog"] * wrong + ["cat"] * (40 - wrong)), MANY, **facts)


def judge(a: ComparedRun, b: ComparedRun) -> ComparisonVerdict:
    return compare_runs(a, b).verdict


def test_the_better_run_is_named_with_the_interval_of_the_paired_difference() -> None:
    verdict = judge(of_many(10), of_many(0))
    assert (verdict.better, verdict.title) == ("B", "B is better")
    first, second = verdict.sentences
    assert first.startswith("Accuracy 100.0% of B against 75.0% of A: +25.0 points (95% interval of the paired ")
    assert "B alone has 10 rows right, A alone 0 (McNemar's exact test: p 0.002)" in first
    assert second == "The test rows are the same: 40 rows of equal ids, images and labels."
    assert judge(of_many(0), of_many(10)).title == "A is better"


def test_few_rows_are_chance() -> None:
    verdict = judge(of_many(3), of_many(0))
    assert (verdict.better, verdict.title) == ("none", "No difference beyond chance")


def test_other_test_rows_are_said() -> None:
    rows = make_rows()
    rows["t0"] = rows["t0"]._replace(labels=("dog",))
    rows["t1"] = rows["t1"]._replace(description="reworded")
    verdict = judge(make_run("a"), make_run("b", rows=rows))
    differ = "The test rows differ: 5 in both, and measured on those (1 with another label)."
    assert verdict.sentences[1] == f"{differ} The descriptions of 1 of them differ."


def test_what_cannot_be_compared_is_said_with_the_reason() -> None:
    verdict = judge(make_run("a"), make_run("b", None, notes=["kept no predictions: there is no model to ask"]))
    assert (verdict.better, verdict.title) == ("unknown", "Not comparable")
    assert list(verdict.sentences) == [
        "Not comparable: there are no predictions of B.",
        "B kept no predictions: there is no model to ask.",
    ]


def test_a_pushed_model_may_have_seen_the_rows() -> None:
    verdict = judge(make_run("a"), make_run("b", dataset=None, is_pushed=True))
    assert "may have been trained on some of them" in verdict.sentences[1]


def test_two_models_of_the_same_weights_are_named_as_such() -> None:
    assert (
        "The weights of both models are the same." in judge(of_many(0, weights="f"), of_many(0, weights="f")).sentences
    )
    unknown = judge(of_many(0), of_many(0, weights="f"))
    assert not [sentence for sentence in unknown.sentences if "weights" in sentence]
