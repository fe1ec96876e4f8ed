"""Fits a network: what is deep, its wide part, as the linear model that it is, and how much each of them counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import accuracy_score

from diptych.models.linear.log_loss import Truth, log_loss
from diptych.models.linear.stacking import SHIFTS, fit_scales
from diptych.models.linear.wide import WidePart, WideRows, fit_wide
from diptych.models.networks.build import (
    DEEP,
    PARTS,
    WIDE,
    WIDE_BOTH_IMAGE,
    WIDE_BOTH_TEXT,
    WIDE_IMAGE,
    WIDE_TEXT,
)
from diptych.models.networks.fusion import compute_scores
from diptych.models.networks.image_tower import IMAGE_FEATURES, SCALED_FEATURES, feature_blocks
from diptych.models.networks.options import NetworkOptions
from diptych.models.progress import report_progress
from diptych.models.thresholds import choose_thresholds, requires_a_label
from diptych.models.tracing import without_autograph
from diptych.models.training.class_weights import build_sample_weight_fn, row_weights
from diptych.models.training.data import TrainingData
from diptych.models.training.distribution import wrap_for_distribution
from diptych.models.training.fitting import Feed, TrainingSetup, fit_model
from diptych.models.training.frozen_rows import FrozenRows, head
from diptych.models.training.schedule import Phase

# A deep part that counts for less changes no answer.
_LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Fitted:
    """What came of a training.

    Attributes:
        history: the values of each metric by epoch.
        val: ``val_loss``, the log loss, and ``val_accuracy`` of the network that came of it; empty without rows in val.
        thresholds: for multilabel, the least score of each label at which it is predicted; otherwise None.
        at_least_one: whether each example gets a label.
    """

    history: Mapping[str, Sequence[float]]
    val: Mapping[str, float]
    thresholds: Sequence[float] | None
    at_least_one: bool


@dataclass(frozen=True)
class FrozenSplits:
    """The rows of train and val in memory, as far as the network has frozen features or a wide part."""

    train: FrozenRows
    val: FrozenRows | None


def fit_wide_and_deep(
    setup: TrainingSetup,
    data: TrainingData,
    callbacks: Sequence[keras.callbacks.Callback],
    backups: str | None,
) -> Fitted:
    """Fits the deep and the wide part on train; the deep part is left out where val does not say that it helps.

    Args:
        callbacks: of the epochs of the deep part.
        backups: the folder of backups; None to write none.
    """
    names = {layer.name for layer in setup.model.layers}
    splits = FrozenSplits(*data.frozen_rows(setup.model)) if names & {WIDE, IMAGE_FEATURES} else None
    if splits:
        _scale_features(setup.model, splits.train)
    history = fit_model(setup, lambda phase: _feed(setup, data, splits, phase), callbacks, backups)
    if splits and _is_fine_tuned(setup.network):
        # The features are those of other weights then, which no later run has.
        splits = FrozenSplits(*replace(data, feature_folder=None).frozen_rows(setup.model))
    part = _fit_wide_part(setup, data, splits.train) if splits and WIDE in names else None
    logits, truth = _val_logits(setup, data, splits)
    if part is None or splits is None:
        total = logits[0] if logits else None
        return Fitted(history, _judge(total, truth), *_choose_thresholds(setup, data, total, truth))
    scales = _choose_scales(logits, truth)
    setup.model.get_layer(PARTS).set_weights([np.array(scales)])
    # A deep part that is left out may not be finite.
    total = scales[0] * logits[0] + (scales[1] * logits[1] if scales[1] else 0) if logits else None
    held_out = (total, truth) if scales[1] else (part.held_out, _truth(splits.train))
    return Fitted(history, _judge(total, truth), *_choose_thresholds(setup, data, *held_out))


def _is_fine_tuned(network: NetworkOptions) -> bool:
    image = network.image
    return bool(image and image.has_frozen_features and image.frozen_epochs is not None)


def _fit_wide_part(setup: TrainingSetup, data: TrainingData, rows: FrozenRows) -> WidePart:
    """Fits the wide part, and gives its weights to the network."""
    train, inputs, labels = setup.train, data.decoder.inputs, data.decoder.labels
    names = {layer.name for layer in setup.model.layers}
    # Several labels get thresholds of their own, and balanced weights rank the examples of rare ones better.
    kind = "balanced" if train.class_weights == "auto" and train.task == "multilabel" else train.class_weights
    wide_rows = WideRows(
        image=np.asarray(rows.features) if WIDE_IMAGE in names else None,
        blocks=feature_blocks(setup.model) if WIDE_IMAGE in names else (),
        text=rows.text_matrix(inputs.vocabulary_size or 0) if WIDE_TEXT in names else None,
        truth=_truth(rows),
        groups=rows.groups,
        weights=row_weights(data.train_labels[:: data.stride(rows)], labels, kind, train.task),
    )
    shifts = SHIFTS if train.class_weights == "auto" else (0.0,)
    part = fit_wide(wide_rows, len(labels), shifts, train.seed)
    _assign(setup.model, part)
    score = _describe_score(part.held_out, wide_rows.truth)
    report_progress("note", text=f"the linear part reaches {score} on held-out rows of train ({part.summary})")
    return part


def _assign(model: keras.Model, part: WidePart) -> None:
    """Gives the fitted weights to the layers of the wide part."""
    for modality, alone in part.alone.items():
        if modality == "image":
            model.get_layer(WIDE_IMAGE).set_weights([alone.weights[modality], alone.biases])
        else:
            _assign_text(model, WIDE_TEXT, alone.weights[modality], alone.biases)
    if part.both:
        model.get_layer(WIDE_BOTH_IMAGE).set_weights([part.both.weights["image"], part.both.biases])
        _assign_text(model, WIDE_BOTH_TEXT, part.both.weights["text"], np.zeros_like(part.both.biases))


def _assign_text(model: keras.Model, name: str, weights: NDArray[np.float32], biases: NDArray[np.float32]) -> None:
    padding = np.zeros((1, weights.shape[1]), np.float32)
    model.get_layer(name).set_weights([np.concatenate([padding, weights])])
    model.get_layer(f"{name}_bias").set_weights([biases])


def _scale_features(model: keras.Model, rows: FrozenRows) -> None:
    """Sets what the tower subtracts from frozen features, and divides them by."""
    if SCALED_FEATURES in {layer.name for layer in model.layers}:
        values: NDArray[np.float32] = np.asarray(rows.features)
        deviation = values.std(axis=0)
        least = max(float(deviation.max()), 1.0) * 1e-3
        model.get_layer(SCALED_FEATURES).set_weights([values.mean(axis=0), np.maximum(deviation, least)])


def _feed(setup: TrainingSetup, data: TrainingData, splits: FrozenSplits | None, phase: Phase) -> Feed:
    """The deep part, with frozen features in memory where they suffice, and otherwise with the records."""
    train = setup.train
    scores = compute_scores(train.task, setup.model.get_layer(DEEP).output)
    if splits is None or not phase.frozen or data.stride(splits.train) > 1:
        model = wrap_for_distribution(keras.Model(setup.model.input, scores))
        return Feed(model, data.train_dataset_fn(train, setup.strategy), data.val_dataset(train))
    rows, batch_size = splits.train, setup.schedule.batch_size
    weight = build_sample_weight_fn(data.train_labels, data.decoder.labels, train.class_weights, train.task)

    def read(epochs: int) -> Any:
        dataset = rows.train_dataset(batch_size, train.seed, epochs * setup.schedule.steps_per_epoch)
        return dataset.map(without_autograph(lambda inputs, label: (inputs, label, weight(label))))

    val = splits.val.eval_dataset(batch_size) if splits.val else None
    return Feed(wrap_for_distribution(head(setup.model, scores)), read, val)


def _val_logits(
    setup: TrainingSetup, data: TrainingData, splits: FrozenSplits | None
) -> tuple[list[NDArray[np.float32]], Truth]:
    """The logits of the wide part, if there is one, and of the deep part; none if val has no rows. And the truth."""
    names = {layer.name for layer in setup.model.layers}
    tensors = [setup.model.get_layer(name).output for name in (WIDE, DEEP) if name in names]
    image = setup.network.image
    if splits and splits.val and image and image.has_frozen_features:
        model, batches = head(setup.model, tensors), splits.val.eval_dataset(setup.schedule.batch_size)
    else:
        model, batches = keras.Model(setup.model.input, tensors), data.val_dataset(setup.train)
    if batches is None:
        return [], np.empty(0, np.int64)
    # A model of a single output does not return a list.
    scored = [(keras.tree.flatten(model(inputs, training=False)), label.numpy()) for inputs, label in batches]
    logits = [np.concatenate([np.asarray(outputs[place]) for outputs, _ in scored]) for place in range(len(tensors))]
    return logits, np.concatenate([label for _, label in scored]).astype(np.int64)


def _judge(total: NDArray[np.float32] | None, truth: Truth) -> dict[str, float]:
    """The log loss and the accuracy of logits; for multilabel, over all labels of all rows. Empty without rows."""
    if total is None:
        return {}
    if truth.ndim == 1:
        total, truth = total[truth >= 0], truth[truth >= 0]
        right = total.argmax(axis=1) == truth
    else:
        right = (total > 0) == truth
    return {"val_loss": float(log_loss(total, truth).mean()), "val_accuracy": float(right.mean())}


def _choose_scales(logits: Sequence[NDArray[np.float32]], truth: Truth) -> tuple[float, float]:
    """The scales of the wide and the deep part with which val has the least log loss; and reports them.

    They are 1 and 0 if the deep part does not lower the loss by more than the standard error of that.

    Args:
        logits: of the two parts; none if val has no rows, and nothing says whether the deep part helps.
    """
    if not logits:
        report_progress("note", text="the deep part is left out: val has no rows that say whether it helps")
        return 1.0, 0.0
    known = truth >= 0 if truth.ndim == 1 else np.ones(len(truth), bool)
    wide, deep, truth = logits[0][known], logits[1][known], truth[known]
    both, (alone,) = fit_scales([wide, deep], truth), fit_scales([wide], truth)
    gains = log_loss(alone * wide, truth) - log_loss(both[0] * wide + both[1] * deep, truth)
    gain, error = gains.mean(), gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    helps = gain > error and both[1] >= _LEAST_SHARE * both.sum()
    verb = f"stays, with a share of {both[1] / both.sum():.2f}" if helps else "is left out"
    said = f"it lowers the log loss of val by {gain:.2g} (standard error {error:.2g})"
    report_progress("note", text=f"the deep part {verb}: {said}")
    return (float(both[0]), float(both[1])) if helps else (1.0, 0.0)


def _choose_thresholds(
    setup: TrainingSetup, data: TrainingData, logits: NDArray[np.float32] | None, truth: Truth
) -> tuple[list[float] | None, bool]:
    """The least score of each label at which it is predicted, by held-out rows, and whether each row gets a label."""
    if setup.train.task == "multiclass":
        return None, False
    classes = data.decoder.labels
    has_label = np.array([[name in row for name in classes] for row in map(set, data.train_labels)])
    at_least_one = requires_a_label(has_label, setup.train.thresholds)
    if logits is None:
        return None, at_least_one
    return choose_thresholds(expit(logits), truth.astype(bool), setup.train.thresholds).tolist(), at_least_one


def _truth(rows: FrozenRows) -> Truth:
    return np.asarray(rows.labels.numpy(), np.int64)


def _describe_score(logits: NDArray[np.float32], truth: Truth) -> str:
    if truth.ndim == 1:
        return f"an accuracy of {accuracy_score(truth, logits.argmax(axis=1)):.3f}"
    return f"a log loss of {log_loss(logits, truth).mean():.4f}"
