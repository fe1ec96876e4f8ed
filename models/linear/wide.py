"""Fits the wide part of a network: linear models by the image and by the text, stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.inputs import Modality
from diptych.models.linear.log_loss import Truth
from diptych.models.linear.logistic import (
    Blocks,
    Examples,
    LinearModel,
    ValidatedModel,
    combine,
    make_folds,
    select_rows,
    validate_logistic,
)
from diptych.models.linear.projection import Projection, fit_projection
from diptych.models.linear.stacking import fit_biases, fit_scales

# LogisticRegression's C, ascending: for components of mean squared length 1, and for bags of words, where tf-idf makes
# each text a vector of length 1.
_CANDIDATES: Mapping[Modality, Sequence[float]] = {"image": (1, 3, 10, 30, 100), "text": (1, 3, 10, 30, 100, 300)}
# One model of both needs each to count less than it would alone, by one of these factors.
_JOINT_FACTORS = (0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class WideRows:
    """The rows that the wide part is fitted on.

    Attributes:
        image: frozen features float32 ``[n, d]``, all 0 where the image is missing; None if the network has none.
        blocks: the sizes of the groups of features that follow each other in ``image``.
        text: CSR ``[n, vocabulary_size]``: column ``i - 1`` is the term of id ``i``; None if the network has no texts.
        truth: see ``Truth``.
        groups: what must not be parted, of each row.
        weights: of the rows ``[n, 1]``, for multilabel of each row and label ``[n, classes]``; None for 1.
    """

    image: NDArray[np.float32] | None
    blocks: tuple[int, ...]
    text: Any
    truth: Truth
    groups: Sequence[Any]
    weights: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class WidePart:
    """The linear models of the wide part.

    Attributes:
        both: of rows that have an image and a text; None if the network has not both.
        alone: of rows with an image or a text alone.
        held_out: the logits of each row by models that were fitted without it, float32 ``[n, classes]``.
        summary: what was chosen, in words.
    """

    both: LinearModel | None
    alone: Mapping[Modality, LinearModel]
    held_out: NDArray[np.float32]
    summary: str


def fit_wide(rows: WideRows, classes: int, shifts: Sequence[float], seed: int) -> WidePart:
    """Fits the wide part.

    Rows without an image are left out of the image's model, and those without a known term of the text's model. Where a
    row has both, the logits of the two are stacked with those of one model of both.

    Args:
        shifts: see ``diptych.models.linear.stacking.fit_biases``.
    """
    examples = Examples(rows.truth, classes, rows.weights, make_folds(rows.truth, rows.groups, seed))
    projection = None if rows.image is None else fit_projection(rows.image, rows.blocks, seed)
    blocks = _blocks(rows, projection)
    present = {name: _present(rows.image if name == "image" else block) for name, block in blocks.items()}
    models = {
        name: _validate(blocks, present[name], examples, [{name: value} for value in _CANDIDATES[name]])
        for name in blocks
    }
    stacks = {name: _stack([models[name]], present[name], examples, shifts) for name in blocks}
    held_out = np.zeros((len(rows.truth), classes), np.float32)
    for name, stack in stacks.items():
        held_out[present[name]] = stack.held_out[present[name]]
    both: LinearModel | None = None
    if len(blocks) == 2:
        of_both = np.logical_and(*present.values())
        chosen = {name: model.inverse_regularization[name] for name, model in models.items()}
        candidates = [{name: factor * value for name, value in chosen.items()} for factor in _JOINT_FACTORS]
        joint = _validate(blocks, of_both, examples, candidates)
        stack = _stack([*models.values(), joint], of_both, examples, shifts)
        held_out[of_both] = stack.held_out[of_both]
        both = _unproject(stack.model, projection)
    return WidePart(
        both=both,
        alone={name: _unproject(stack.model, projection) for name, stack in stacks.items()},
        held_out=held_out,
        summary=", ".join(f"C of the {name} {model.inverse_regularization[name]:g}" for name, model in models.items()),
    )


@dataclass(frozen=True)
class _Stack:
    """Models that are combined to one, and its logits of each row by models that were fitted without it."""

    model: LinearModel
    held_out: NDArray[np.float32]


def _blocks(rows: WideRows, projection: Projection | None) -> dict[Modality, Any]:
    blocks: dict[Modality, Any] = {}
    if projection and rows.image is not None:
        blocks["image"] = projection.apply(rows.image)
    if rows.text is not None:
        blocks["text"] = rows.text
    return blocks


def _present(features: Any) -> NDArray[np.bool_]:
    """Which rows are not all 0, bool ``[n]``."""
    return np.asarray((features != 0).sum(axis=1)).ravel() > 0


def _validate(
    blocks: Blocks, present: NDArray[np.bool_], examples: Examples, candidates: Sequence[Mapping[Modality, float]]
) -> ValidatedModel:
    """A model that is fitted on the rows that are present; without such rows, on all."""
    if present.all() or not present.any():
        return validate_logistic(blocks, examples, candidates)
    found = validate_logistic(select_rows(blocks, present), examples.select(present), candidates)
    held_out = found.model.logits(blocks)
    held_out[present] = found.held_out
    return ValidatedModel(found.model, held_out, found.inverse_regularization)


def _stack(
    models: Sequence[ValidatedModel], present: NDArray[np.bool_], examples: Examples, shifts: Sequence[float]
) -> _Stack:
    """Combines models by how they do on the rows that are present; without such rows, on all."""
    rows = present if present.any() else np.ones(len(present), bool)
    truth = examples.truth[rows]
    scales = fit_scales([model.held_out[rows] for model in models], truth)
    combined = np.tensordot(scales, np.stack([model.held_out for model in models]), 1)
    biases = fit_biases(combined[rows], truth, shifts)
    held_out = np.asarray(combined + biases, np.float32)
    return _Stack(combine([model.model for model in models], scales.tolist(), biases), held_out)


def _unproject(model: LinearModel, projection: Projection | None) -> LinearModel:
    """The model of the features of images themselves, from one of their components."""
    if projection is None or "image" not in model.weights:
        return model
    weights, offset = projection.unproject(model.weights["image"])
    return LinearModel({**model.weights, "image": weights}, model.biases + offset)
