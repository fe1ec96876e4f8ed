"""The Keras layers of our own that the networks are built of."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from diptych.models.images.imagenet import ImageNetMode, preprocess_imagenet


@keras.saving.register_keras_serializable("diptych")
class ImageNetPreprocessing(keras.layers.Layer):
    """Preprocesses images as ``keras.applications`` does: RGB uint8 ``[..., 3]`` to float32 of the same shape.

    It computes in float32 even in a network of mixed precision, where float16 would round pixels before the mean is
    subtracted.

    Args:
        mode: a mode of ``diptych.models.images.imagenet.preprocess_imagenet``.
    """

    def __init__(self, mode: ImageNetMode = "caffe", **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.mode = mode

    def call(self, images: Any) -> Any:
        return preprocess_imagenet(images, self.mode)

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        return keras.KerasTensor(images.shape, "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}


@keras.saving.register_keras_serializable("diptych")
class WeightedEmbedding(keras.layers.Layer):
    """Looks up a learned vector for each term and multiplies it by the term's value.

    Takes ids int64 ``[b, k]`` (0 is padding) and values float ``[b, k]``; returns ``[b, k, units]``. The sum over ``k``
    is what a ``Dense`` layer without bias computes of the same bag of words as a dense ``[b, vocabulary_size]`` matrix.

    Args:
        vocabulary_size: number of terms. The weight is ``[vocabulary_size + 1, units]``: row ``i`` is the vector of
            id ``i``, and row 0 is not used.
        units: size of a vector.
        initializer: initialises the weight; the default is that of ``Dense``.
    """

    def __init__(self, vocabulary_size: int, units: int, initializer: str = "glorot_uniform", **options: Any) -> None:
        super().__init__(**options)
        self._config: dict[str, Any] = {
            "vocabulary_size": vocabulary_size,
            "units": units,
            "initializer": initializer,
        }
        # Without autocast, call casts the few rows that it looks up instead of the whole weight.
        shape = (vocabulary_size + 1, units)
        self.embeddings = self.add_weight(shape, initializer, name="embeddings", autocast=False)

    def call(self, ids: Any, values: Any) -> Any:
        # Through reshape the gradient becomes a dense tensor. The sparse gradient of take has an entry for each
        # occurrence of a term, and Keras's optimizers and clipping square each of them by itself (Keras 3.12, 3.15).
        embeddings = ops.reshape(self.embeddings, self.embeddings.shape)
        vectors = ops.cast(ops.take(embeddings, ids, axis=0), self.compute_dtype)
        return vectors * ops.expand_dims(ops.cast(values, self.compute_dtype), -1)

    def compute_output_shape(self, ids_shape: tuple[int | None, ...], values_shape: Any) -> tuple[int | None, ...]:
        return (*ids_shape, self._config["units"])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable("diptych")
class AddBias(keras.layers.Layer):
    """Adds a learned vector, initially zero, to ``[..., units]``."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.bias = self.add_weight((input_shape[-1],), "zeros", name="bias")

    def call(self, vectors: Any) -> Any:
        return vectors + self.bias


@keras.saving.register_keras_serializable("diptych")
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned vector for each position to a sequence ``[b, length, units]``."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.embeddings = self.add_weight(tuple(input_shape[1:]), initializer, name="embeddings")

    def call(self, vectors: Any) -> Any:
        return vectors + self.embeddings


@keras.saving.register_keras_serializable("diptych")
class ModalityDropout(keras.layers.Layer):
    """Tells which examples have an image and which have a text; in training, it drops one of both at random.

    Takes pixels or features of images ``[b, ...]`` and ids ``[b, k]``; returns two bool ``[b]``, for image and text. An
    image of which all is 0, and a text whose ids are all 0, are missing. No example loses both.

    Args:
        drop_image: share of the training examples that lose their image.
        drop_text: share of the training examples that lose their text.
    """

    def __init__(self, drop_image: float, drop_text: float, **options: Any) -> None:
        super().__init__(**options)
        self._config = {"drop_image": drop_image, "drop_text": drop_text}
        self._seeds = keras.random.SeedGenerator()

    def call(self, image: Any, ids: Any, training: bool = False) -> tuple[Any, Any]:
        has_image, has_text = _is_present(image), _is_present(ids)
        if not training:
            return has_image, has_text
        chance = keras.random.uniform(ops.shape(has_text), dtype="float32", seed=self._seeds)
        keeps_image = chance >= self._config["drop_image"]
        keeps_text = chance < 1 - self._config["drop_text"]
        return ops.logical_and(has_image, keeps_image), ops.logical_and(has_text, keeps_text)

    def compute_output_spec(self, image: Any, ids: Any, training: bool = False) -> tuple[Any, Any]:
        shape = ids.shape[:1]
        return keras.KerasTensor(shape, dtype="bool"), keras.KerasTensor(shape, dtype="bool")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable("diptych")
class LearnedDefault(keras.layers.Layer):
    """Replaces missing vectors by one that is learned.

    Takes vectors ``[b, units]`` and a bool ``[b]`` that tells which are present; returns ``[b, units]``.
    """

    def build(self, vectors_shape: tuple[int | None, ...], present_shape: Any) -> None:
        self.vector = self.add_weight((vectors_shape[-1],), "zeros", name="vector")

    def call(self, vectors: Any, present: Any) -> Any:
        return ops.where(ops.expand_dims(present, -1), vectors, self.vector)

    def compute_output_shape(self, vectors_shape: tuple[int | None, ...], present_shape: Any) -> tuple[int | None, ...]:
        return vectors_shape


@keras.saving.register_keras_serializable("diptych")
class LearnedAverage(keras.layers.Layer):
    """Computes ``share * first + (1 - share) * second`` with a learned share between 0 and 1, initially 1/2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.logit = self.add_weight((), "zeros", name="logit")

    def call(self, first: Any, second: Any) -> Any:
        share = ops.sigmoid(self.logit)
        return share * first + (1 - share) * second


@keras.saving.register_keras_serializable("diptych")
class PadEmptyBatch(keras.layers.Layer):
    """Pads an empty batch ``[0, ...]`` with one example of zeros; every other batch stays as it is.

    For an empty batch, TensorFlow's convolution by oneDNN returns the shape of its input (2.16, 2.21), which the layers
    after it refuse.
    """

    def call(self, examples: Any) -> Any:
        # The batch is always padded and then cut: when TensorFlow Lite (2.16, 2.21) concatenates zeros of a computed
        # number that is 0, it writes beyond its memory.
        padding = ops.zeros((1, *examples.shape[1:]), examples.dtype)
        return ops.concatenate([examples, padding])[: ops.maximum(ops.shape(examples)[0], 1)]

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


@keras.saving.register_keras_serializable("diptych")
class UnpadBatch(keras.layers.Layer):
    """Removes the example that ``PadEmptyBatch`` added.

    Takes ``[b or b + 1, ...]`` and the batch as it was before padding, ``[b, ...]``; returns the first ``b`` examples.
    """

    def call(self, vectors: Any, unpadded: Any) -> Any:
        return vectors[: ops.shape(unpadded)[0]]

    def compute_output_shape(self, vectors_shape: tuple[int | None, ...], unpadded_shape: Any) -> Any:
        return vectors_shape


@keras.saving.register_keras_serializable("diptych")
class IgnoreUnusedInputs(keras.layers.Layer):
    """Returns the first of its inputs and ignores the others.

    Keras refuses a model with inputs that no layer takes; this layer takes those that a network does not use.
    """

    def call(self, tensors: Any) -> Any:
        return tensors[0]

    def compute_output_shape(self, shapes: Any) -> Any:
        return shapes[0]


@keras.saving.register_keras_serializable("diptych")
class MissingAsZeros(keras.layers.Layer):
    """Gives zeros for missing images: takes vectors ``[b, n]`` and pixels ``[b, h, w, 3]``, returns ``[b, n]``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})

    def call(self, vectors: Any, pixels: Any) -> Any:
        return ops.where(ops.expand_dims(_is_present(pixels), -1), vectors, 0.0)

    def compute_output_shape(self, vectors_shape: Any, pixels_shape: Any) -> Any:
        return vectors_shape


@keras.saving.register_keras_serializable("diptych")
class HasModality(keras.layers.Layer):
    """Tells which examples have an image or a text: those of which not all is 0. ``[b, ...]`` to bool ``[b]``."""

    def call(self, values: Any) -> Any:
        return _is_present(values)

    def compute_output_spec(self, values: Any) -> keras.KerasTensor:
        return keras.KerasTensor(values.shape[:1], dtype="bool")


def _is_present(values: Any) -> Any:
    return ops.any(ops.not_equal(values, 0), axis=tuple(range(1, len(values.shape))))


@keras.saving.register_keras_serializable("diptych")
class Standardize(keras.layers.Layer):
    """Subtracts a mean from ``[..., n]`` and divides by a deviation; both are set, not learned: initially 0 and 1."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.mean = self.add_weight((input_shape[-1],), "zeros", name="mean", trainable=False)
        self.deviation = self.add_weight((input_shape[-1],), "ones", name="deviation", trainable=False)

    def call(self, vectors: Any) -> Any:
        return (vectors - self.mean) / self.deviation


@keras.saving.register_keras_serializable("diptych")
class ByPresence(keras.layers.Layer):
    """Chooses the logits of each example by what it has.

    Takes the logits for examples with image and text, with an image alone, and with a text alone, ``[b, classes]``
    each, and bools ``[b]`` that tell which examples have an image and which a text; returns ``[b, classes]``. One with
    neither gets those for a text alone, which are a bias then.
    """

    def call(self, both: Any, image: Any, text: Any, has_image: Any, has_text: Any) -> Any:
        has_image, has_text = ops.expand_dims(has_image, -1), ops.expand_dims(has_text, -1)
        return ops.where(has_image, ops.where(has_text, both, image), text)

    def compute_output_spec(self, both: Any, image: Any, text: Any, has_image: Any, has_text: Any) -> Any:
        return keras.KerasTensor(both.shape, both.dtype)


@keras.saving.register_keras_serializable("diptych")
class ScaledSum(keras.layers.Layer):
    """Computes ``scales[0] * first + scales[1] * second`` of two ``[b, n]``. The scales are set: initially 1 and 1.

    A second term whose scale is 0 counts for nothing, even where it is not finite.
    """

    def build(self, first_shape: tuple[int | None, ...], second_shape: Any) -> None:
        self.scales = self.add_weight((2,), "ones", name="scales", trainable=False)

    def call(self, first: Any, second: Any) -> Any:
        return self.scales[0] * first + ops.where(ops.equal(self.scales[1], 0), 0.0, self.scales[1] * second)

    def compute_output_shape(self, first_shape: tuple[int | None, ...], second_shape: Any) -> Any:
        return first_shape
