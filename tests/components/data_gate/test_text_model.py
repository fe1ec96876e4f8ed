"""Descriptions that decide the label are found by a linear model of them, and others are not."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.components.data_gate.options import LabelFromTextRule
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.data_gate.text_model import check_label_from_text
from diptych.models.text.options import TextOptions
from tests.components.data_gate.rows import make_rows

COLOURS = {"a": "red", "b": "blue", "c": "green"}


def rows(count: int, seed: int, wrong: int = 0) -> SplitRows:
    """Rows whose text has the colour of their label among words of chance; ``wrong`` of them have another's."""
    numbers = np.random.default_rng(seed)
    labels = ["abc"[n % 3] for n in range(count)]
    colours = [COLOURS["abc"[(n + (n < wrong)) % 3]] for n in range(count)]
    texts = [f"{colour} thing {numbers.integers(50)}x {numbers.integers(50)}y" for colour in colours]
    groups = [f"{seed}-{n}" for n in range(count)]
    return make_rows(count, labels=labels, texts=texts, groups=groups)


def splits(train: int, held_out: int, wrong: int = 0) -> dict[str, SplitRows]:
    return {"train": rows(train, 1), "val": rows(held_out, 2), "test": rows(held_out, 3, wrong)}


@pytest.mark.parametrize(("train", "held_out", "judged"), [(300, 60, 120), (60, 9, 78)])
def test_texts_that_decide_the_label_are_found(train: int, held_out: int, judged: int) -> None:
    (finding,) = check_label_from_text(splits(train, held_out), TextOptions(), LabelFromTextRule())
    assert (finding.rule, finding.measured, finding.threshold, finding.severity) == ("label_from_text", 1, 1, "warn")
    assert f"right for 100.0% of {judged} rows" in finding.message
    assert len(finding.ids) == 20


def test_one_mistake_is_enough_to_say_that_they_do_not() -> None:
    of_chance = splits(300, 60, wrong=1)
    assert list(check_label_from_text(of_chance, TextOptions(), LabelFromTextRule())) == []
    (finding,) = check_label_from_text(of_chance, TextOptions(), LabelFromTextRule(accuracy=0.9))
    assert finding.measured == pytest.approx(119 / 120)


def test_what_guessing_would_reach_is_no_finding() -> None:
    labels = ["a"] * 96 + ["b"] * 4
    alike = {split: make_rows(100, labels=labels, texts=["some words"] * 100) for split in ("train", "val", "test")}
    assert list(check_label_from_text(alike, TextOptions(), LabelFromTextRule(accuracy=0.5))) == []


def test_the_texts_of_several_labels_are_judged_by_the_whole_set() -> None:
    of_sets = {}
    for split, each in splits(300, 60).items():
        labels = [("a", "d") if of_row == ("a",) else of_row for of_row in each.labels]
        of_sets[split] = SplitRows(each.texts, labels, each.groups, each.numbers, each.hashes)
    (finding,) = check_label_from_text(of_sets, TextOptions(), LabelFromTextRule())
    assert finding.measured == 1


@pytest.mark.parametrize("texts", [[""] * 90, ["!"] * 90])
def test_texts_without_a_term_decide_nothing(texts: list[str]) -> None:
    empty = {split: make_rows(90, labels=["a", "b", "c"] * 30, texts=texts) for split in ("train", "val", "test")}
    assert list(check_label_from_text(empty, TextOptions(), LabelFromTextRule())) == []


def test_nothing_is_fitted_for_a_finding_that_would_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model was fitted")

    monkeypatch.setattr("diptych.components.data_gate.text_model.fit_text_baseline", refuse)
    assert list(check_label_from_text(splits(300, 60), TextOptions(), LabelFromTextRule(severity="ignore"))) == []
