"""Labels that train lacks are found, or count as the label that the settings name."""

from __future__ import annotations

import pytest

from diptych.models.labels import LabelOptions, check_label_options, count_unknown_labels

KNOWN = ["a", "b"]


def test_unknown_labels_are_counted() -> None:
    assert count_unknown_labels(["a", "x", "b", "y", "x"], KNOWN, LabelOptions()) == {"x": 2, "y": 1}
    assert count_unknown_labels(["b", "a"], KNOWN, LabelOptions()) == {}


def test_none_is_unknown_if_all_count_as_a_label_of_train() -> None:
    assert count_unknown_labels(["a", "x"], KNOWN, LabelOptions(unknown="b")) == {}


def test_they_count_as_none_that_train_lacks() -> None:
    message = r"label.unknown: no row of train has the label 'x'; name one that does: a, b$"
    with pytest.raises(ValueError, match=message):
        count_unknown_labels(["a"], KNOWN, LabelOptions(unknown="x"))
    with pytest.raises(ValueError, match=r": l10, l11, .* \.\.\.$"):
        check_label_options([f"l{number}" for number in range(10, 30)], LabelOptions(unknown="x"))
