"""The linear models by image, by text and by both, and how they are stacked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from diptych.models.linear.logistic import Examples as AllExamples
from diptych.models.linear.logistic import LinearModel, fit_logistic, make_folds, select_rows
from diptych.models.linear.projection import fit_projection
from diptych.models.linear.stacking import SHIFTS
from diptych.models.linear.wide import WidePart, WideRows, fit_wide

CLASSES, IMAGE_SIZE, TERMS = 3, 6, 8


def draw(rows: int = 120, multilabel: bool = False, seed: int = 0) -> WideRows:
    """Rows whose image tells half of what their class is, and whose text tells the other half."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(rows, IMAGE_SIZE)).astype(np.float32)
    text = np.abs(rng.normal(size=(rows, TERMS))).astype(np.float32) * (rng.random((rows, TERMS)) < 0.5)
    text[:, 0] += 0.1
    logits = 2 * image[:, :CLASSES] + 2 * text[:, :CLASSES]
    truth = (logits > 1).astype(np.int64) if multilabel else logits.argmax(axis=1)
    return WideRows(image, (2, IMAGE_SIZE - 2), csr_matrix(text), truth, [str(row) for row in range(rows)])


def change(rows: WideRows, **changes: Any) -> WideRows:
    return WideRows(**{**vars(rows), **changes})


def blocks_of(rows: WideRows) -> dict[Any, Any]:
    return {"image": rows.image, "text": rows.text}


def fit(rows: WideRows, shifts: Any = (0.0,)) -> WidePart:
    return fit_wide(rows, CLASSES, shifts, 0)


def accuracy(logits: np.ndarray, truth: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == truth).mean())


def test_both_tell_more_than_either() -> None:
    part, fresh = fit(draw(400)), draw(400, seed=1)
    assert part.both
    both = accuracy(part.both.logits(blocks_of(fresh)), fresh.truth)
    alone = [accuracy(model.logits(blocks_of(fresh)), fresh.truth) for model in part.alone.values()]
    assert both > max(alone) + 0.1
    assert min(alone) > 0.4
    assert "C of the image" in part.summary and "C of the text" in part.summary


@pytest.mark.parametrize("kept", ["image", "text"])
def test_of_one_modality_there_is_one_model(kept: str) -> None:
    rows = draw()
    rows = change(rows, text=None) if kept == "image" else change(rows, image=None, blocks=())
    part = fit(rows)
    assert (part.both, list(part.alone)) == (None, [kept])
    model = part.alone[kept]  # type: ignore[index]
    assert model.weights[kept].shape == ({"image": IMAGE_SIZE, "text": TERMS}[kept], CLASSES)  # type: ignore[index]
    assert part.held_out.shape == (120, CLASSES)
    assert accuracy(model.logits(blocks_of(rows)), rows.truth) > 0.5


def test_rows_without_an_image_or_a_text_are_scored_by_what_they_have() -> None:
    rows = draw(300)
    image, text = rows.image.copy(), rows.text.toarray()
    image[:60], text[60:120] = 0, 0
    text[120:130], image[120:130] = 0, 0
    part = fit(change(rows, image=image, text=csr_matrix(text)))
    assert part.both
    assert np.isfinite(part.held_out).all()
    assert not part.held_out[120:130].any()
    for few in (slice(0, 60), slice(60, 120), slice(130, 300)):
        assert accuracy(part.held_out[few], rows.truth[few]) > 0.45
    # The models of one modality are as those of the rows that have it.
    only = fit(change(rows, image=image[130:], text=csr_matrix(text)[130:], truth=rows.truth[130:], groups=range(170)))
    found, expected = (model.alone["text"].logits(blocks_of(rows)) for model in (part, only))
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.8


def test_a_text_that_no_row_has_counts_for_nothing() -> None:
    rows = draw()
    part = fit(change(rows, text=csr_matrix((120, TERMS), dtype=np.float32)))
    assert part.both
    assert not part.both.weights["text"].any()
    assert accuracy(part.held_out, rows.truth) > 0.4


def test_held_out_logits_are_those_of_models_without_the_row() -> None:
    """With one modality and no shifts they are a refitted model's, times the temperature."""
    rows = change(draw(), text=None)
    part = fit(rows)
    chosen = float(part.summary.rsplit(" ", 1)[1])
    blocks = {"image": fit_projection(rows.image, rows.blocks, 0).apply(rows.image)}
    refitted = np.zeros((120, CLASSES), np.float32)
    for fitted, held in make_folds(rows.truth, rows.groups, 0):
        examples = AllExamples(rows.truth[fitted], CLASSES, None, ())
        model = fit_logistic(select_rows(blocks, fitted), examples, {"image": chosen})
        refitted[held] = model.logits(select_rows(blocks, held))
    scale = (part.held_out * refitted).sum() / (refitted**2).sum()
    np.testing.assert_allclose(part.held_out, scale * refitted, atol=1e-4)


@pytest.mark.parametrize("multilabel", [False, True])
def test_held_out_logits_tell_nothing_of_labels_that_nothing_tells_of(multilabel: bool) -> None:
    rng = np.random.default_rng(2)
    rows = draw(150, multilabel)
    shuffled = rng.permutation(rows.truth)
    part = fit(change(rows, truth=shuffled), SHIFTS)
    if multilabel:
        right = ((part.held_out > 0) == shuffled).mean()
        assert right < max(shuffled.mean(), 1 - shuffled.mean()) + 0.1
    else:
        assert accuracy(part.held_out, shuffled) < 0.48


def test_several_labels_are_told_by_both() -> None:
    rows = draw(300, multilabel=True)
    part = fit(rows, SHIFTS)
    assert ((part.held_out > 0) == rows.truth).mean() > 0.8


def test_the_seed_decides_everything() -> None:
    first, again = fit(draw(), SHIFTS), fit(draw(), SHIFTS)
    assert first.both and again.both
    assert np.array_equal(first.held_out, again.held_out)
    assert all(np.array_equal(first.both.weights[name], again.both.weights[name]) for name in first.both.weights)


@settings(max_examples=12, deadline=None)
@given(
    rows=st.integers(1, 12),
    classes=st.integers(1, 4),
    image=st.sampled_from([None, 1, 7]),
    terms=st.sampled_from([None, 1, 5]),
    multilabel=st.booleans(),
    seed=st.integers(0, 9),
)
def test_few_rows_of_any_shape_are_fitted(
    rows: int, classes: int, image: int | None, terms: int | None, multilabel: bool, seed: int
) -> None:
    if image is None and terms is None:
        image = 2
    rng = np.random.default_rng(seed)
    given_rows = WideRows(
        image=None if image is None else rng.integers(0, 3, (rows, image)).astype(np.float32),
        blocks=() if image is None else (image,),
        text=None if terms is None else csr_matrix(rng.integers(0, 2, (rows, terms)).astype(np.float32)),
        truth=rng.integers(0, 2, (rows, classes)) if multilabel else rng.integers(0, classes, rows),
        groups=rng.integers(0, 3, rows).tolist(),
    )
    part = fit_wide(given_rows, classes, SHIFTS, seed)
    sizes = {name: size for name, size in (("image", image), ("text", terms)) if size is not None}
    assert part.held_out.shape == (rows, classes)
    assert np.isfinite(part.held_out).all()
    assert list(part.alone) == list(sizes)
    assert (part.both is not None) == (len(sizes) == 2)
    models: list[LinearModel] = [*part.alone.values(), *([part.both] if part.both else [])]
    for model in models:
        assert model.biases.shape == (classes,)
        assert all(np.isfinite(weights).all() for weights in model.weights.values())
        assert all(weights.shape == (sizes[name], classes) for name, weights in model.weights.items())
