"""Augmentation changes training batches as its options say, and equally for equal seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models.images.augmentation import (
    Augmentation,
    AugmentOptions,
    colour_jitter,
    cutout,
    mixup,
    one_hot,
    random_flip,
    random_resized_crop,
)
from tests.helpers import noise

SEED = tf.constant([3, 5], tf.int64)
COUNT, CLASSES = 32, 3
IMAGES = np.stack([noise(n, 12, 16) for n in range(COUNT)])
IDS = np.arange(1, 2 * COUNT + 1).reshape(COUNT, 2)
VALUES = np.ones((COUNT, 2), np.float32)
LABELS = np.arange(COUNT) % CLASSES

EACH_OPTION = [{"flip": True}, {"crop": 0.5}, {"colour": 0.4}, {"cutout": 0.5}, {"mixup": 0.4}]


def batch(images: Any = IMAGES) -> dict[str, tf.Tensor]:
    return {
        "image": tf.constant(images),
        "description_ids": tf.constant(IDS, tf.int64),
        "description_values": tf.constant(VALUES),
    }


def augment(options: dict[str, Any], seed: tf.Tensor = SEED, images: Any = IMAGES) -> tuple[dict[str, Any], Any]:
    return Augmentation(AugmentOptions(**options), CLASSES)(batch(images), tf.constant(LABELS, tf.int64), seed)


def test_nothing_is_varied_unless_asked_for() -> None:
    inputs, label = augment({})
    assert (inputs["image"].numpy() == IMAGES).all()
    assert label.numpy().tolist() == LABELS.tolist()


@pytest.mark.parametrize("options", EACH_OPTION)
def test_a_seed_repeats_and_another_differs(options: dict[str, Any]) -> None:
    first, again, other = (
        augment(options, tf.constant(seed, tf.int64))[0]["image"].numpy() for seed in ([1, 2], [1, 2], [1, 3])
    )
    assert (first == again).all()
    assert (first != other).any()
    assert first.dtype == np.uint8
    assert first.shape == IMAGES.shape


@pytest.mark.parametrize("options", EACH_OPTION)
def test_in_a_dataset_it_does_the_same(options: dict[str, Any]) -> None:
    augmentation = Augmentation(AugmentOptions(**options), CLASSES)
    dataset = tf.data.Dataset.from_tensors((batch(), tf.constant(LABELS, tf.int64)))
    ((inputs, label),) = dataset.map(lambda inputs, label: augmentation(inputs, label, SEED))
    wanted, wanted_label = augment(options)
    # Graph optimisation may round a mean of floats differently.
    assert np.abs(inputs["image"].numpy().astype(int) - wanted["image"].numpy()).max() <= 1
    assert np.allclose(label.numpy(), wanted_label.numpy())


@pytest.mark.parametrize("options", EACH_OPTION[:-1])
def test_a_missing_image_stays_missing(options: dict[str, Any]) -> None:
    inputs, _ = augment(options, images=np.zeros_like(IMAGES))
    assert not inputs["image"].numpy().any()


def test_about_half_are_mirrored_and_the_others_left() -> None:
    found = random_flip(tf.constant(IMAGES), SEED).numpy()
    mirrored = [(image == kept[:, ::-1]).all() for image, kept in zip(found, IMAGES, strict=True)]
    left = [(image == kept).all() for image, kept in zip(found, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(mirrored, left, strict=True))
    assert 8 <= sum(mirrored) <= 24


def test_a_crop_shows_no_less_than_it_may() -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, None, :, None], (COUNT, 64, 64, 3))
    found = random_resized_crop(tf.constant(ramp), 0.19, SEED).numpy().astype(int)
    shown = found[:, 0, -1, 0] - found[:, 0, 0, 0]
    # 0.81 of the area is 0.9 of the width; rounding may take one level at each end.
    assert shown.min() >= 0.9 * 63 - 1
    assert len(set(shown.tolist())) > 2


@given(most=st.floats(0, 1))
@settings(max_examples=20)
def test_brightness_moves_no_further_than_it_may(most: float) -> None:
    grey = np.full((COUNT, 8, 8, 3), 100, np.uint8)
    found = colour_jitter(tf.constant(grey), most, SEED).numpy().astype(float)
    assert found.min() >= 100 * (1 - most) - 1
    assert found.max() <= 100 * (1 + most) + 1


def test_a_square_is_cut_out_and_the_rest_is_left() -> None:
    found = cutout(tf.constant(IMAGES), 0.5, SEED).numpy()
    changed = (found != IMAGES).any(axis=-1)
    assert 0 < changed.sum(axis=(1, 2)).max() <= 6 * 8 + 6 + 8 + 1
    means = np.round(IMAGES.mean(axis=(1, 2)))
    for image, mask, mean in zip(found, changed, means, strict=True):
        assert np.abs(image[mask] - mean).max(initial=0) <= 1


def test_mixing_keeps_the_greater_share_and_weighs_text_and_label_alike() -> None:
    inputs, label = mixup(batch(), one_hot(tf.constant(LABELS, tf.int64), CLASSES), 1.0, SEED)
    shares = label.numpy()[np.arange(COUNT), LABELS]
    other = np.roll(LABELS, 1)
    assert (shares >= 0.5).all()
    assert np.allclose(label.numpy()[np.arange(COUNT), other], 1 - shares)
    pixels = shares[:, None, None, None] * IMAGES + (1 - shares)[:, None, None, None] * np.roll(IMAGES, 1, axis=0)
    assert np.abs(inputs["image"].numpy() - pixels).max() <= 0.51
    assert (inputs["description_ids"].numpy() == np.concatenate([IDS, np.roll(IDS, 1, axis=0)], axis=1)).all()
    values = inputs["description_values"].numpy()
    assert np.allclose(values[:, :2], shares[:, None])
    assert np.allclose(values[:, 2:], 1 - shares[:, None])


def test_mixing_leaves_sequences_and_takes_several_labels() -> None:
    inputs = {name: values for name, values in batch().items() if name != "description_values"}
    several = tf.constant(np.eye(COUNT, CLASSES, dtype=np.float32) + np.eye(COUNT, CLASSES, 1, dtype=np.float32))
    found, label = Augmentation(AugmentOptions(mixup=0.2), CLASSES)(inputs, several, SEED)
    assert (found["description_ids"].numpy() == IDS).all()
    assert label.numpy().max() <= 1
    assert label.shape == several.shape


@given(alpha=st.floats(1e-6, 10), seed=st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)))
@settings(max_examples=20)
def test_labels_of_a_mix_always_add_up_to_one(alpha: float, seed: tuple[int, int]) -> None:
    _, label = mixup(batch(), one_hot(tf.constant(LABELS, tf.int64), CLASSES), alpha, tf.constant(seed, tf.int64))
    assert np.allclose(label.numpy().sum(axis=1), 1, atol=1e-5)
