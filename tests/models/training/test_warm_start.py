"""Weights of the last model in a network of other terms and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models.inputs import NetworkInputs
from diptych.models.networks.options import FusionOptions, ImageNetworkOptions, NetworkOptions, TextNetworkOptions

TINY = NetworkOptions(
    image=ImageNetworkOptions(backbone="cnn", filters=(2,), units=3), text=TextNetworkOptions(units=3)
)


def build(terms: int, labels: int, options: NetworkOptions = TINY, length: int | None = None) -> Any:
    import keras

    from diptych.models.networks.build import build_network

    model = build_network(options, NetworkInputs((8, 8), terms, length), labels, "multiclass")
    for weight in model.weights:
        weight.assign(keras.random.normal(weight.shape))
    return model


def layer_weights(model: Any, layer: str) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.get_layer(layer).weights]


def test_rows_and_columns_follow_the_names() -> None:
    from diptych.models.training.warm_start import Vocabularies, copy_weights

    before, after = Vocabularies("abc", "xy"), Vocabularies("cda", "zyx")
    old, new = build(3, 2), build(3, 3)
    fresh = {name: layer_weights(new, name) for name in ("terms", "wide_text", "deep_scores")}
    copy_weights(old, new, build, before, after)

    (rows_before,), (rows,) = layer_weights(old, "terms"), layer_weights(new, "terms")
    # The rows are padding, c, d and a; the source has no d.
    assert np.array_equal(rows[[0, 1, 3]], rows_before[[0, 3, 1]])
    assert np.array_equal(rows[2], fresh["terms"][0][2])
    (wide_before,), (wide,) = layer_weights(old, "wide_text"), layer_weights(new, "wide_text")
    assert np.array_equal(wide[np.ix_([0, 1, 3], [1, 2])], wide_before[np.ix_([0, 3, 1], [1, 0])])
    assert np.array_equal(wide[:, 0], fresh["wide_text"][0][:, 0])
    for now, was, unused in zip(
        layer_weights(new, "deep_scores"), layer_weights(old, "deep_scores"), fresh["deep_scores"], strict=True
    ):
        assert np.array_equal(now[..., [1, 2]], was[..., [1, 0]])
        assert np.array_equal(now[..., 0], unused[..., 0])


@pytest.mark.parametrize("length", [None, 5])
def test_unchanged_vocabularies_keep_every_weight(length: int | None) -> None:
    from diptych.models.training.warm_start import Vocabularies, copy_weights

    text = TextNetworkOptions(units=4, tower="transformer", heads=2, layers=1, wide=True) if length else TINY.text
    options = NetworkOptions(image=TINY.image, text=text)

    def rebuild(terms: int, labels: int) -> Any:
        return build(terms, labels, options, length)

    names = Vocabularies("abcd", "xyz")
    old, new = rebuild(4, 3), rebuild(4, 3)
    copy_weights(old, new, rebuild, names, names)
    for found, wanted in zip(new.weights, old.weights, strict=True):
        assert np.array_equal(found.numpy(), wanted.numpy())


@pytest.mark.parametrize("tower", ["bag", "transformer"])
def test_weights_of_a_version_with_other_layer_names_are_loaded(tower: Any, tmp_path: Path) -> None:
    import h5py

    from diptych.models.training.warm_start import load_pushed_weights

    text = TextNetworkOptions(units=4, tower=tower, heads=2, layers=1)
    fusion = FusionOptions(kind="late", drop_image=0.1, drop_text=0.1)
    options = NetworkOptions(image=TINY.image, text=text, fusion=fusion)
    length = 5 if tower == "transformer" else None
    pushed, new = build(4, 3, options, length), build(4, 3, options, length)
    path = str(tmp_path / "model.weights.h5")
    pushed.save_weights(path)
    first_names = {
        "weighted_embedding": "term_vectors",
        "weighted_embedding_1": "term_vectors_1",
        "learned_default": "or_learned",
        "learned_default_1": "or_learned_1",
        "learned_average": "mixture",
        **({"position_embedding": "positions"} if tower == "transformer" else {"add_bias": "bias"}),
    }
    with h5py.File(path, "r+") as file:
        for name, first_name in first_names.items():
            file.move(f"layers/{name}", f"layers/{first_name}")
    load_pushed_weights(new, path)
    for found, wanted in zip(new.weights, pushed.weights, strict=True):
        assert np.array_equal(found.numpy(), wanted.numpy())
