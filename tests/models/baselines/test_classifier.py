"""From blocks of features to labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from diptych.models.baselines.classifier import fit_classifier, indicate_labels
from diptych.models.thresholds import DEFAULT_THRESHOLD, ThresholdOptions

POSITIVES = {"often": 150, "rare": 12, "rarest": 7}


def draw(seed: int, rows: int = 400) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Features that tell labels with some noise, of which most are rare; every row has another label too."""
    rng = np.random.default_rng(seed)
    truth = rng.permuted(np.arange(rows)[:, None] < np.array(list(POSITIVES.values())), axis=0)
    features = np.hstack([truth + rng.normal(0, 0.4, truth.shape), rng.normal(0, 1, (rows, 20))]).astype(np.float32)
    names = np.array(list(POSITIVES), object)
    return features, [(*names[row], "always") for row in truth]


def test_rare_labels_are_predicted_by_thresholds_of_their_own() -> None:
    (features, labels), (fresh, actual) = draw(0), draw(1)
    found = {}
    for options in (None, ThresholdOptions()):
        classifier = fit_classifier([features], labels, "multilabel", options)
        assert set(classifier.labels) == {*POSITIVES, "always"}
        predicted = classifier.predict(classifier.predict_scores([fresh]))
        of_rare = [indicate_labels(rows, ["rare", "rarest"]) for rows in (actual, predicted)]
        found[options is None] = f1_score(*of_rare, average="macro", zero_division=0)
    assert found[False] > found[True] + 0.1


def test_thresholds_are_chosen_by_rows_that_a_model_was_not_fitted_on() -> None:
    """Of noise a model learns every row by heart: by those scores, thresholds would look perfect."""
    rng = np.random.default_rng(2)
    features = (rng.normal(0, 1, (60, 300)) * 10).astype(np.float32)
    labels = [("a",) if flag else ("b",) for flag in rng.random(60) < 0.5]
    classifier = fit_classifier([features], labels, "multilabel", ThresholdOptions(precision=0.99))
    assert classifier.thresholds is not None
    assert min(classifier.thresholds) > 0.95


def test_no_row_stays_without_a_label_if_none_of_train_does() -> None:
    features, labels = draw(3)
    every = fit_classifier([features], labels, "multilabel", ThresholdOptions())
    some = fit_classifier([features], [row[:-1] for row in labels], "multilabel", ThresholdOptions())
    assert (every.at_least_one, some.at_least_one) == (True, False)
    nothing = np.zeros((1, 4), np.float32)
    assert len(every.predict(nothing)[0]) == 1
    assert some.predict(nothing[:, :3]) == [()]


def test_without_options_a_label_needs_one_half() -> None:
    features, labels = draw(4)
    assert fit_classifier([features], labels, "multilabel").thresholds == [DEFAULT_THRESHOLD] * 4


def test_of_one_label_the_best_is_predicted() -> None:
    features, labels = draw(5)
    classes = [("often",) if "often" in row else ("seldom",) for row in labels]
    classifier = fit_classifier([features], classes, "multiclass", ThresholdOptions())
    predicted = classifier.predict(classifier.predict_scores([features]))
    assert np.mean([a == b for a, b in zip(predicted, classes, strict=True)]) > 0.8
    assert (classifier.thresholds, classifier.at_least_one) == (None, False)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_fewer_rows_than_folds_are_no_trouble(rows: int) -> None:
    features, labels = draw(6)
    classifier = fit_classifier([features[:rows]], labels[:rows], "multilabel", ThresholdOptions())
    assert classifier.predict_scores([features]).shape == (400, len(classifier.labels))


def test_labels_of_other_names_are_left_out() -> None:
    assert indicate_labels([("a", "z"), (), ("b",)], ["a", "b"]).tolist() == [
        [True, False],
        [False, False],
        [False, True],
    ]
