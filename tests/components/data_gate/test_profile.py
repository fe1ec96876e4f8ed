"""A profile counts every value in one bin, and survives JSON."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.data_gate.profile import SplitProfile, bin_counts, bin_indices
from diptych.components.data_gate.split_rows import (
    ASPECT,
    CATEGORICAL_FEATURES,
    NO_SCRIPT,
    SCRIPT,
)
from diptych.models import features
from tests.components.data_gate.rows import make_rows, make_split_profile

FINITE = st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float)


@given(st.lists(FINITE, min_size=1, max_size=60), st.lists(FINITE, max_size=20))
def test_every_value_lies_in_one_bin(reference: list[float], values: list[float]) -> None:
    known = make_split_profile(make_rows(len(reference), numbers={ASPECT: np.array(reference)})).numbers[ASPECT]
    assert sum(known.counts) == len(reference)
    # No value of the reference is below the least edge.
    assert known.counts[0] == 0
    assert bin_counts(np.array(values), known.edges).sum() == len(values)


@given(st.lists(FINITE, min_size=1, max_size=60))
def test_a_profile_survives_json(values: list[float]) -> None:
    made = make_split_profile(make_rows(len(values), numbers={ASPECT: np.array(values)}))
    assert SplitProfile.model_validate_json(made.model_dump_json()) == made


def test_a_value_that_many_share_has_a_bin_of_its_own() -> None:
    edges = make_split_profile(make_rows(50)).numbers[ASPECT].edges
    assert bin_indices(np.array([99.9, 100.0, 100.1]), edges).tolist() == [0, 1, 2]


def test_categories_are_counted() -> None:
    rows = make_rows(3, labels=["b", "a", "b"], texts=["Tee", "Чай", "..."])
    categories = make_split_profile(rows).categories
    assert set(categories) == set(CATEGORICAL_FEATURES)
    assert categories[features.LABEL] == {"a": 1, "b": 2}
    assert categories[SCRIPT] == {"LATIN": 1, "CYRILLIC": 1, NO_SCRIPT: 1}


def test_the_keys_of_a_stored_profile_stay_the_same() -> None:
    stored = make_split_profile(make_rows(3)).model_dump_json(by_alias=True)
    assert list(json.loads(stored)) == ["rows", "effective", "numbers", "categories", "labels", "lone_words"]
    assert SplitProfile.model_validate_json(stored).effective_sample_size == 3
