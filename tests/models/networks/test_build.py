"""Networks map the inputs that tf.data gives to probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diptych.models.inputs import NetworkInputs
from diptych.models.labels import Task
from diptych.models.networks.build import requires_modality
from tests.models.networks.networks import (
    BAG,
    CLASSES,
    IMAGES_ALONE,
    SEQUENCE,
    TERMS,
    TINY_IMAGE,
    TINY_TEXT,
    batch,
    build,
    inputs_for,
    scores,
)

TOWERS = ("bag", "attention", "transformer")
FUSIONS = ("concat", "gated", "late")
DROPS = {"drop_image": 0.3, "drop_text": 0.3}


def text(tower: str, **options: Any) -> dict[str, Any]:
    return {**TINY_TEXT, "tower": tower, **options}


@pytest.fixture
def policy() -> Iterator[Any]:
    """Sets Keras's dtype policy, for one test."""
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("tower", TOWERS)
def test_answers_are_probabilities(tower: str, kind: str, task: Task) -> None:
    inputs = inputs_for(tower)
    found = scores(build(inputs, task, text=text(tower), fusion={"kind": kind, **DROPS}), batch(inputs))
    assert (found.shape, found.dtype) == ((3, CLASSES), np.float32)
    assert found.min() > 0
    assert found.max() < 1
    assert (found.sum(axis=1) == pytest.approx(1)) == (task == "multiclass")


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("size", [0, 1, 5])
def test_batches_of_any_size_are_answered(tower: str, size: int) -> None:
    inputs = inputs_for(tower)
    model = build(inputs, text=text(tower))
    served = tf.function(lambda given: model(given, training=False), input_signature=[inputs.spec()], autograph=False)
    assert served(batch(inputs, size)).shape == (size, CLASSES)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 33), (64, 8)])
def test_any_stored_size_fits_even_if_blocks_halve_it_to_nothing(height: int, width: int) -> None:
    inputs = NetworkInputs((height, width), TERMS)
    model = build(inputs, image={"backbone": "cnn", "filters": (2,) * 8})
    assert scores(model, batch(inputs)).shape == (3, CLASSES)


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("tower", TOWERS)
def test_every_weight_is_reached_by_the_loss(tower: str, kind: str) -> None:
    inputs = inputs_for(tower)
    fusion = {"kind": kind, "dropout": 0, **DROPS}
    model = build(inputs, image={**TINY_IMAGE, "dropout": 0}, text=text(tower, dropout=0), fusion=fusion)
    given, labels = batch(inputs, 30), np.arange(30) % CLASSES
    with tf.GradientTape() as tape:
        found = model(given, training=True)
        loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(labels, found))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_variables])
    still = [
        weight.path
        for weight, gradient in zip(model.trainable_variables, gradients, strict=True)
        if gradient is None or not np.any(np.asarray(gradient))
    ]
    # A bias of attention's keys adds the same to all logits of a softmax, which changes nothing.
    assert [path for path in still if not path.endswith("key/bias")] == []


def test_image_and_text_both_reach_the_answer() -> None:
    model, given = build(), batch()
    before = scores(model, given)
    assert not np.allclose(before, scores(model, given | {"image": 255 - given["image"]}))
    assert not np.allclose(before, scores(model, given | {"description_values": given["description_values"] + 1}))


@pytest.mark.parametrize("tower", ["attention", "transformer"])
def test_padding_says_nothing(tower: str) -> None:
    longer = NetworkInputs(SEQUENCE.image_size, TERMS, 2 * (SEQUENCE.sequence_length or 0))
    short, long = (build(inputs, text=text(tower)) for inputs in (SEQUENCE, longer))
    for long_layer, short_layer in zip(long.layers, short.layers, strict=True):
        weights = short_layer.get_weights()
        long_layer.set_weights([np.tile(weights[0], (2, 1))] if short_layer.name == "positions" else weights)
    given = batch(SEQUENCE)
    assert not np.allclose(scores(short, given), scores(short, given | batch(SEQUENCE, seed=3)), atol=1e-4)
    padded = given | {"description_ids": np.pad(given["description_ids"], ((0, 0), (0, longer.sequence_length - 6)))}
    assert np.allclose(scores(short, given), scores(long, padded), atol=1e-5)


def test_only_the_transformer_heeds_the_order() -> None:
    given = batch(SEQUENCE)
    turned = given | {"description_ids": given["description_ids"][:, [1, 0, 2, 3, 4, 5]]}
    attention, transformer = (build(SEQUENCE, text=text(tower)) for tower in ("attention", "transformer"))
    assert np.allclose(scores(attention, given), scores(attention, turned), atol=1e-6)
    assert not np.allclose(scores(attention, given), scores(attention, batch(SEQUENCE, seed=3)), atol=1e-6)
    assert not np.allclose(scores(transformer, given), scores(transformer, turned), atol=1e-6)


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("fusion", [{}, {"kind": "late", **DROPS}])
def test_what_is_missing_is_answered_without_a_crash(tower: str, fusion: dict[str, Any]) -> None:
    inputs = inputs_for(tower)
    nothing = {name: np.zeros_like(values) for name, values in batch(inputs).items()}
    assert np.all(np.isfinite(scores(build(inputs, text=text(tower), fusion=fusion), nothing)))


@pytest.mark.parametrize("part", ["image", "text"])
def test_a_missing_part_is_what_was_learned_for_it(part: str) -> None:
    model, given = build(fusion=DROPS), batch()
    zero = ["image"] if part == "image" else ["description_ids", "description_values"]
    missing = given | {name: np.zeros_like(given[name]) for name in zero}
    embedding = keras.Model(model.inputs, model.get_layer("embedding").output)
    vector = np.arange(6 if part == "image" else 8, dtype=np.float32)
    model.get_layer(f"missing_{part}").set_weights([vector])
    found = np.asarray(embedding(missing))
    assert np.array_equal(found[:, :6] if part == "image" else found[:, 6:], np.tile(vector, (3, 1)))


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, (True, True)),
        ({"fusion": {"drop_image": 0.1}}, (False, True)),
        ({"fusion": {"drop_text": 0.1}}, (True, False)),
        ({"text": None}, (True, False)),
        ({"image": None}, (False, True)),
    ],
)
def test_a_network_tells_what_it_needs(options: dict[str, Any], needed: tuple[bool, bool]) -> None:
    model = build(**options)
    assert (requires_modality(model, "image"), requires_modality(model, "text")) == needed


@pytest.mark.parametrize(("left_out", "ignored"), [("text", "description_values"), ("image", "image")])
def test_a_network_of_one_part_takes_all_inputs_and_ignores_the_other(left_out: str, ignored: str) -> None:
    model, given = build(**{left_out: None}), batch()
    assert {tensor.name for tensor in model.inputs} == set(given)
    assert np.array_equal(scores(model, given), scores(model, given | {ignored: given[ignored] * 0}))


def test_a_network_of_images_alone_answers_as_one_that_ignores_texts() -> None:
    alone, ignoring, given = build(IMAGES_ALONE, text=None), build(BAG, text=None), batch()
    assert (requires_modality(alone, "image"), requires_modality(alone, "text")) == (True, False)
    assert np.array_equal(scores(alone, {"image": given["image"]}), scores(ignoring, given))


@pytest.mark.parametrize("tower", TOWERS)
def test_training_on_empty_texts_stays_finite(tower: str) -> None:
    """An example with an empty text, and a whole batch of them: nothing is divided by the number of terms."""
    inputs = inputs_for(tower)
    model = build(inputs, text=text(tower))
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    some, every = batch(inputs), batch(inputs)
    for name in set(some) - {"image"}:
        some[name][0], every[name][:] = 0, 0
    losses = [model.fit(given, np.arange(3), verbose=0).history["loss"][0] for given in (some, every)]
    assert np.all(np.isfinite(losses))
    assert all(np.all(np.isfinite(weight.numpy())) for weight in model.weights)
    assert scores(model, every).sum(axis=1) == pytest.approx(1)


def test_the_wide_path_is_a_linear_model_on_the_terms() -> None:
    model, given = build(image=None), batch()
    before = np.log(scores(model, given))
    model.get_layer("wide_text").set_weights([np.tile(np.arange(CLASSES, dtype=np.float32), (TERMS + 1, 1))])
    moved = np.log(scores(model, given)) - before
    expected = given["description_values"].sum(axis=1, keepdims=True) * np.arange(CLASSES)
    assert np.allclose(moved - moved[:, :1], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "units", "size"), [("concat", None, 14), ("concat", 7, 7), ("gated", None, 6), ("late", None, 14)]
)
def test_the_embedding_is_the_vector_before_the_last_layer(kind: str, units: int | None, size: int) -> None:
    model = build(fusion={"kind": kind, "units": units})
    embedding = keras.Model(model.inputs, model.get_layer("embedding").output)
    found = np.asarray(embedding(batch()))
    assert (found.shape, found.dtype) == ((3, size), np.float32)


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_and_answers_in_float32(policy: Any, name: str, tower: str) -> None:
    policy(name)
    inputs = inputs_for(tower)
    model = build(inputs, text=text(tower), fusion=DROPS)
    model.compile("adamw", "sparse_categorical_crossentropy", run_eagerly=True)
    loss = model.fit(batch(inputs), np.arange(3), verbose=0).history["loss"]
    found = scores(model, batch(inputs))
    assert found.dtype == np.float32
    assert np.all(np.isfinite(loss))
    assert found.sum(axis=1) == pytest.approx(1)


def test_xla_computes_the_same() -> None:
    model, given = build(fusion=DROPS), batch()
    compiled = tf.function(lambda taken: model(taken, training=False), jit_compile=True, autograph=False)
    assert np.allclose(compiled(given), scores(model, given), atol=1e-5)


@pytest.mark.parametrize("tower", TOWERS)
def test_a_seed_gives_the_same_weights_and_the_same_training(tower: str) -> None:
    inputs = inputs_for(tower)

    def trained() -> np.ndarray:
        model = build(inputs, text=text(tower), fusion=DROPS)
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
        model.fit(batch(inputs), np.arange(3), epochs=2, verbose=0)
        return scores(model, batch(inputs))

    assert np.array_equal(trained(), trained())


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("tower", TOWERS)
def test_a_saved_network_answers_the_same(tmp_path: Path, tower: str, kind: str) -> None:
    inputs = inputs_for(tower)
    model = build(inputs, text=text(tower), fusion={"kind": kind, **DROPS})
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert np.allclose(scores(model, batch(inputs)), scores(loaded, batch(inputs)), atol=1e-6)


def set_wide(model: keras.Model) -> None:
    """Gives every weight of the wide part, and the scales of the parts, a value other than its first."""
    rng = np.random.default_rng(5)
    for layer in model.layers:
        if layer.name.startswith("wide_"):
            layer.set_weights([rng.normal(0, 0.1, weight.shape) for weight in layer.get_weights()])
    model.get_layer("parts").set_weights([np.array([0.7, 0.4])])


def test_the_wide_part_of_image_and_text_is_linear_in_what_an_example_has() -> None:
    model, given = build(), batch()
    set_wide(model)
    given["image"][0], given["description_ids"][1], given["description_values"][1] = 0, 0, 0
    outputs = [model.get_layer(name).output for name in ("image_features", "wide", "deep", "parts")]
    features, wide, deep, parts = map(np.asarray, keras.Model(model.input, outputs)(given))
    counts = np.zeros((3, TERMS + 1), np.float32)
    np.add.at(counts, (np.arange(3)[:, None], given["description_ids"]), given["description_values"])
    weights = {layer.name: layer.get_weights() for layer in model.layers if layer.name.startswith("wide_")}

    def of_text(row: int, name: str) -> np.ndarray:
        return counts[row, 1:] @ weights[name][0][1:] + weights[f"{name}_bias"][0]

    def of_image(row: int, name: str) -> np.ndarray:
        return features[row] @ weights[name][0] + weights[name][1]

    expected = [
        of_text(0, "wide_text"),
        of_image(1, "wide_image"),
        of_image(2, "wide_both_image") + of_text(2, "wide_both_text"),
    ]
    assert not features[0].any() and features[1:].any()
    assert np.allclose(wide, expected, atol=1e-4)
    assert np.allclose(parts, 0.7 * wide + 0.4 * deep, atol=1e-5)


@pytest.mark.parametrize("backbone", ["cnn", "hog"])
def test_a_saved_network_keeps_its_wide_part(tmp_path: Path, backbone: str) -> None:
    model, given = build(image={**TINY_IMAGE, "backbone": backbone}), batch()
    before = scores(model, given)
    set_wide(model)
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert not np.allclose(scores(model, given), before, atol=1e-3)
    assert np.allclose(scores(model, given), scores(loaded, given), atol=1e-6)


def test_training_leaves_the_wide_part_as_it_was_fitted() -> None:
    model = build()
    set_wide(model)
    assert [weight.path for weight in model.trainable_weights if weight.path.startswith(("wide", "parts"))] == []


@pytest.mark.parametrize(
    ("options", "layers"),
    [
        ({}, {"wide", "wide_image", "wide_text", "wide_text_bias", "wide_both_image", "wide_both_text"}),
        ({"text": None}, {"wide", "wide_image"}),
        ({"image": None}, {"wide", "wide_text", "wide_text_bias"}),
        ({"image": {**TINY_IMAGE, "wide": False}}, {"wide", "wide_text", "wide_text_bias"}),
        ({"text": {**TINY_TEXT, "wide": False}}, {"wide", "wide_image"}),
        ({"image": {**TINY_IMAGE, "wide": False}, "text": {**TINY_TEXT, "wide": False}}, set()),
    ],
)
def test_the_wide_part_has_the_linear_models_that_are_wanted(options: dict[str, Any], layers: set[str]) -> None:
    names = {layer.name for layer in build(**options).layers}
    wide = {name for name in names if name.startswith("wide")} - {"wide_both_text_bias"}
    assert wide == layers
    assert ("parts" in names) == bool(layers)


@pytest.mark.parametrize("pixels", ["unit", "raw", "caffe", "tf", "torch"])
def test_a_network_takes_pixels_in_every_mode(pixels: str) -> None:
    found = scores(build(image={**TINY_IMAGE, "pixels": pixels}), batch())
    assert found.sum(axis=1) == pytest.approx(1)


def test_what_does_not_suit_the_inputs_is_refused() -> None:
    with pytest.raises(ValueError, match="text.encoding"):
        build(SEQUENCE)


def test_inputs_are_those_of_the_contract() -> None:
    for inputs, tower in ((BAG, text("bag")), (SEQUENCE, text("attention")), (IMAGES_ALONE, None)):
        found = {tensor.name: (tuple(tensor.shape), tensor.dtype) for tensor in build(inputs, text=tower).inputs}
        assert found == {name: (tuple(spec.shape), spec.dtype.name) for name, spec in inputs.spec().items()}
