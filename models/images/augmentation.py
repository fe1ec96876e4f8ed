"""Random changes to training batches, so that a network does not learn what does not matter."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from diptych.models.images.options import AugmentOptions
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT

# The weights of red, green and blue in luma (ITU-R BT.601).
_LUMA_WEIGHTS = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation:
    """Augments training batches; pass it as ``augment`` to ``diptych.models.dataset.input_fn_train``.

    The result depends only on the batch and the seed.

    Attributes:
        options: which changes are made, and how strong they are.
        classes: the number of labels.
    """

    options: AugmentOptions
    classes: int

    def __call__(
        self, inputs: dict[str, tf.Tensor], label: tf.Tensor, seed: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Augments one batch.

        Args:
            inputs: the inputs of a network, which ``diptych.models.inputs.NetworkInputs`` describes.
            label: int64 ``[b]`` ids, or float32 ``[b, classes]``.
            seed: integers ``[2]``.

        Returns:
            Inputs and label. With ``mixup`` the label is always float32 ``[b, classes]``, and a bag of words may
            contain a term twice.
        """
        options, seeds = self.options, tf.unstack(tf.random.experimental.stateless_split(seed, 5))
        images = inputs[IMAGE_INPUT]
        if options.flip:
            images = random_flip(images, seeds[0])
        if options.crop:
            images = random_resized_crop(images, options.crop, seeds[1])
        if options.colour:
            images = colour_jitter(images, options.colour, seeds[2])
        if options.cutout:
            images = cutout(images, options.cutout, seeds[3])
        inputs = {**inputs, IMAGE_INPUT: images}
        if options.mixup:
            return mixup(inputs, one_hot(label, self.classes), options.mixup, seeds[4])
        return inputs, label


def random_flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors each image of uint8 ``[b, h, w, 3]`` left to right with a probability of one half."""
    mirrored = tf.random.stateless_uniform([_batch_size(images)], seed) < 0.5
    return tf.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def random_resized_crop(images: tf.Tensor, max_share: float, seed: tf.Tensor) -> tf.Tensor:
    """Crops each image of uint8 ``[b, h, w, 3]`` and enlarges the rest to the size of the image, bilinearly.

    Args:
        max_share: the greatest share of the area that is cropped off.
    """
    drawn = tf.random.stateless_uniform([_batch_size(images), 3], seed)
    side = tf.sqrt(1 - max_share * drawn[:, 0])
    start = drawn[:, 1:] * (1 - side)[:, None]
    boxes = tf.concat([start, start + side[:, None]], axis=1)
    return _round_to_uint8(tf.image.crop_and_resize(images, boxes, tf.range(_batch_size(images)), images.shape[1:3]))


def colour_jitter(images: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    """Changes saturation, contrast and brightness of each image of uint8 ``[b, h, w, 3]``.

    Args:
        strength: each of the three is multiplied by a factor from ``1 - strength`` to ``1 + strength``.
    """
    factors = tf.random.stateless_uniform([3, _batch_size(images), 1, 1, 1], seed, 1 - strength, 1 + strength)
    pixels = tf.cast(images, tf.float32)
    luma = tf.tensordot(pixels, tf.constant(_LUMA_WEIGHTS), 1)[..., None]
    pixels = luma + (pixels - luma) * factors[0]
    mean = tf.reduce_mean(luma, axis=[1, 2], keepdims=True)
    return _round_to_uint8((mean + (pixels - mean) * factors[1]) * factors[2])


def cutout(images: tf.Tensor, share: float, seed: tf.Tensor) -> tf.Tensor:
    """Fills a rectangle of each image of uint8 ``[b, h, w, 3]`` with the image's mean colour.

    The centre lies anywhere in the image, so part of the rectangle may lie outside: DeVries and Taylor, "Improved
    Regularization of Convolutional Neural Networks with Cutout" (2017).

    Args:
        share: the rectangle's height and width as shares of the image's height and width.
    """
    centre = tf.random.stateless_uniform([2, _batch_size(images), 1], seed)

    def covered(size: int, centre: tf.Tensor) -> tf.Tensor:
        positions = (tf.range(size, dtype=tf.float32) + 0.5) / size
        return tf.abs(positions - centre) <= share / 2

    height, width = images.shape[1:3]
    rectangle = covered(height, centre[0])[:, :, None] & covered(width, centre[1])[:, None, :]
    mean = _round_to_uint8(tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2], keepdims=True))
    return tf.where(rectangle[..., None], mean, images)


def mixup(
    inputs: dict[str, tf.Tensor], label: tf.Tensor, alpha: float, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Mixes each example with its predecessor in the batch, which is a random one because batches are shuffled.

    Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018). Images, bags of words and labels are vectors, and
    the mix is their weighted mean; a mixed bag of words contains the terms of both texts with weighted values. A
    sequence of ids cannot be mixed and stays as it is. The example's own weight is always the greater one.

    Args:
        label: float32 ``[b, classes]``.
        alpha: both parameters of the beta distribution that the weight is drawn from.
    """
    drawn = tf.random.stateless_gamma([2, _batch_size(label)], seed, alpha)
    # For a small alpha both numbers may underflow to 0.
    weight = tf.math.divide_no_nan(drawn[0], drawn[0] + drawn[1])
    weight = tf.maximum(weight, 1 - weight)

    def mix(values: tf.Tensor) -> tf.Tensor:
        own = tf.reshape(weight, [-1] + [1] * (len(values.shape) - 1))
        values = tf.cast(values, tf.float32)
        return own * values + (1 - own) * tf.roll(values, 1, axis=0)

    mixed = {**inputs, IMAGE_INPUT: _round_to_uint8(mix(inputs[IMAGE_INPUT]))}
    if VALUES_INPUT in inputs:
        ids, values = inputs[IDS_INPUT], inputs[VALUES_INPUT]
        own = weight[:, None]
        mixed[IDS_INPUT] = tf.concat([ids, tf.roll(ids, 1, axis=0)], axis=1)
        mixed[VALUES_INPUT] = tf.concat([own * values, (1 - own) * tf.roll(values, 1, axis=0)], axis=1)
    return mixed, mix(label)


def one_hot(label: tf.Tensor, classes: int) -> tf.Tensor:
    """Label ids int64 ``[b]`` as float32 ``[b, classes]``; labels that have this shape already stay as they are."""
    return tf.one_hot(label, classes) if len(label.shape) == 1 else label


def _batch_size(batch: tf.Tensor) -> tf.Tensor:
    return tf.shape(batch)[0]


def _round_to_uint8(values: tf.Tensor) -> tf.Tensor:
    return tf.saturate_cast(tf.round(values), tf.uint8)
