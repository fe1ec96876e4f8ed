"""Augmentation: what training varies at random, so that a network learns what does not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT
from diptych.models.options import Options

if TYPE_CHECKING:
    import tensorflow as tf

# ITU-R BT.601's shares of red, green and blue in what looks bright.
_LUMA = (0.299, 0.587, 0.114)


class AugmentOptions(Options):
    """What training varies at random; an image that is missing (0 everywhere) stays so."""

    flip: bool = Field(False, description="Whether half of the images are mirrored, left to right.")
    crop: float = Field(
        0, ge=0, lt=1, description="The greatest share of an image's area that is cut off; the rest is enlarged to it."
    )
    colour: float = Field(
        0, ge=0, le=1, description="Brightness, contrast and saturation are multiplied by 1 - colour to 1 + colour."
    )
    cutout: float = Field(
        0, ge=0, lt=1, description="Side of a square filled with the image's mean colour, as a share of the image's."
    )
    mixup: float = Field(
        0, ge=0, description="Each example is mixed with another; the share is drawn from Beta(mixup, mixup)."
    )


@dataclass(frozen=True)
class Augmentation:
    """Augments training batches; as a function, it is a ``diptych.models.dataset.AugmentFn``.

    The same batch and seed give the same result: what is drawn depends on nothing else.

    Attributes:
        options: what is varied.
        classes: number of labels.
    """

    options: AugmentOptions
    classes: int

    def __call__(
        self, inputs: dict[str, tf.Tensor], label: tf.Tensor, seed: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Augments one batch.

        Args:
            inputs: what a network takes; ``diptych.models.inputs.NetworkInputs`` describes it.
            label: int64 ``[b]`` ids, or float32 ``[b, classes]``.
            seed: integers ``[2]``.

        Returns:
            The same, with other values. With ``mixup`` the label is always float32 ``[b, classes]``, and a bag of words
            may name a term twice.
        """
        import tensorflow as tf

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
    """Mirrors each of uint8 ``[b, h, w, 3]``, left to right, or not."""
    import tensorflow as tf

    mirrored = tf.random.stateless_uniform([_count(images)], seed) < 0.5
    return tf.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def random_resized_crop(images: tf.Tensor, share: float, seed: tf.Tensor) -> tf.Tensor:
    """Cuts up to a share of the area off each of uint8 ``[b, h, w, 3]``, and enlarges what is left, bilinearly."""
    import tensorflow as tf

    drawn = tf.random.stateless_uniform([_count(images), 3], seed)
    side = tf.sqrt(1 - share * drawn[:, 0])
    start = drawn[:, 1:] * (1 - side)[:, None]
    boxes = tf.concat([start, start + side[:, None]], axis=1)
    return _pixels(tf.image.crop_and_resize(images, boxes, tf.range(_count(images)), images.shape[1:3]))


def colour_jitter(images: tf.Tensor, most: float, seed: tf.Tensor) -> tf.Tensor:
    """Multiplies saturation, contrast and brightness of each of uint8 ``[b, h, w, 3]`` by 1 - most to 1 + most."""
    import tensorflow as tf

    factors = tf.random.stateless_uniform([3, _count(images), 1, 1, 1], seed, 1 - most, 1 + most)
    pixels = tf.cast(images, tf.float32)
    grey = tf.tensordot(pixels, tf.constant(_LUMA), 1)[..., None]
    pixels = grey + (pixels - grey) * factors[0]
    mean = tf.reduce_mean(grey, axis=[1, 2], keepdims=True)
    return _pixels((mean + (pixels - mean) * factors[1]) * factors[2])


def cutout(images: tf.Tensor, share: float, seed: tf.Tensor) -> tf.Tensor:
    """Fills a square of each of uint8 ``[b, h, w, 3]`` with the image's mean colour; its middle lies anywhere.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout" (2017).

    Args:
        share: the square's height and width as shares of the image's.
    """
    import tensorflow as tf

    middle = tf.random.stateless_uniform([2, _count(images), 1], seed)

    def inside(size: int, middle: tf.Tensor) -> tf.Tensor:
        places = (tf.range(size, dtype=tf.float32) + 0.5) / size
        return tf.abs(places - middle) <= share / 2

    height, width = images.shape[1:3]
    square = inside(height, middle[0])[:, :, None] & inside(width, middle[1])[:, None, :]
    mean = _pixels(tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2], keepdims=True))
    return tf.where(square[..., None], mean, images)


def mixup(
    inputs: dict[str, tf.Tensor], label: tf.Tensor, alpha: float, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Mixes each example with the one before it in the batch, which shuffling has made a random one.

    Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018). Pixels, bags of words and labels are vectors, of
    which the weighted mean is taken: a mixed bag holds both texts' terms, their values weighted. Sequences of ids
    cannot be mixed: there the text stays that of the example itself, which always has the greater share.

    Args:
        label: float32 ``[b, classes]``.
    """
    import tensorflow as tf

    drawn = tf.random.stateless_gamma([2, _count(label)], seed, alpha)
    # Both may be too small for a float.
    share = tf.math.divide_no_nan(drawn[0], drawn[0] + drawn[1])
    share = tf.maximum(share, 1 - share)

    def mixed(values: tf.Tensor) -> tf.Tensor:
        own = tf.reshape(share, [-1] + [1] * (len(values.shape) - 1))
        values = tf.cast(values, tf.float32)
        return own * values + (1 - own) * tf.roll(values, 1, axis=0)

    found = {**inputs, IMAGE_INPUT: _pixels(mixed(inputs[IMAGE_INPUT]))}
    if VALUES_INPUT in inputs:
        ids, values = inputs[IDS_INPUT], inputs[VALUES_INPUT]
        own = share[:, None]
        found[IDS_INPUT] = tf.concat([ids, tf.roll(ids, 1, axis=0)], axis=1)
        found[VALUES_INPUT] = tf.concat([own * values, (1 - own) * tf.roll(values, 1, axis=0)], axis=1)
    return found, mixed(label)


def one_hot(label: tf.Tensor, classes: int) -> tf.Tensor:
    """Ids int64 ``[b]`` as float32 ``[b, classes]``; what has that shape stays."""
    import tensorflow as tf

    return tf.one_hot(label, classes) if len(label.shape) == 1 else label


def _count(batch: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.shape(batch)[0]


def _pixels(values: Any) -> tf.Tensor:
    import tensorflow as tf

    return tf.saturate_cast(tf.round(values), tf.uint8)
