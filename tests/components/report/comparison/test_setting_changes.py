"""Settings that differ are told by their keys, and those that one alone keeps are no difference of a pushed model."""

from __future__ import annotations

from diptych.components.report.comparison.setting_changes import Pair, compare_settings, compare_versions
from tests.components.report.comparison.compared_runs import make_run

SETTINGS = {"train": {"epochs": 5, "steps": None}, "text": {"encoding": "tfidf", "ngrams": [1, 2]}, "name": "shop"}


def test_each_key_that_differs_has_both_values() -> None:
    other = {**SETTINGS, "train": {"epochs": 9, "steps": None}, "text": None}
    table = compare_settings(make_run("a", settings=SETTINGS), make_run("b", settings=other))
    assert table.different == [
        Pair("train.epochs", "5", "9"),
        Pair("text.encoding", "tfidf", "–"),
        Pair("text.ngrams", "[1, 2]", "–"),
        Pair("text", "–", "null"),
    ]
    assert table.equal == [Pair("train.steps", "null", "null"), Pair("name", "shop", "shop")]
    assert table.unknown == []


def test_what_a_card_does_not_keep_is_unknown() -> None:
    pushed = make_run("b", settings={"train": {"epochs": 5}}, is_pushed=True)
    table = compare_settings(make_run("a", settings=SETTINGS), pushed)
    assert (table.different, [pair.name for pair in table.equal]) == ([], ["train.epochs"])
    assert [pair.name for pair in table.unknown] == ["train.steps", "text.encoding", "text.ngrams", "name"]


def test_a_run_that_kept_no_settings_differs_in_none() -> None:
    table = compare_settings(make_run("a", settings=SETTINGS), make_run("b"))
    assert (table.different, table.equal, len(table.unknown)) == ([], [], 5)


def test_versions_are_compared_as_settings_are() -> None:
    a, b = make_run("a", versions={"tfx": "1", "keras": "3"}), make_run("b", versions={"tfx": "2", "keras": "3"})
    assert compare_versions(a, b).different == [Pair("tfx", "1", "2")]
