"""The label that unknown labels count as must be a label of train."""

from __future__ import annotations

import pytest

from diptych.models.labels import LabelOptions, check_label_options

KNOWN = ["a", "b"]


def test_unknown_labels_may_count_as_a_label_of_train_or_as_none() -> None:
    check_label_options(KNOWN, LabelOptions(unknown="b"))
    check_label_options(KNOWN, LabelOptions())


def test_they_count_as_none_that_train_lacks() -> None:
    message = r"label.unknown: no row of train has the label 'x'; name one that does: a, b$"
    with pytest.raises(ValueError, match=message):
        check_label_options(KNOWN, LabelOptions(unknown="x"))
    with pytest.raises(ValueError, match=r": l10, l11, .* \.\.\.$"):
        check_label_options([f"l{number}" for number in range(10, 30)], LabelOptions(unknown="x"))
