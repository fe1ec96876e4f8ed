"""Keras layers that the networks are built of."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("diptych")
class TermVectors(keras.layers.Layer):
    """Each term's vector times its value.

    Takes ids int64 ``[b, k]`` (0 pads) and values float ``[b, k]``, gives ``[b, k, units]``. Added up over ``k``, that
    is what a ``Dense`` layer without bias makes of the same bag of words as a dense ``[b, terms]`` matrix.

    Args:
        terms: size of the vocabulary. The weight ``table`` is ``[terms + 1, units]``: row ``i`` is the vector of id
            ``i``, row 0 is never used.
        units: size of a vector.
        initializer: of the table; ``Dense``'s by default.
    """

    def __init__(self, terms: int, units: int, initializer: str = "glorot_uniform", **options: Any) -> None:
        super().__init__(**options)
        self._config: dict[str, Any] = {"terms": terms, "units": units, "initializer": initializer}
        # A few rows are cast to the dtype they are computed in, not the whole table.
        self.table = self.add_weight((terms + 1, units), initializer, name="table", autocast=False)

    def call(self, ids: Any, values: Any) -> Any:
        # The gradient of reshape is a dense tensor. Given the gathered rows' own, in which a term occurs once for each
        # text that holds it, Keras's optimizers and clipping square each occurrence by itself (keras 3.12, 3.15).
        table = ops.reshape(self.table, self.table.shape)
        vectors = ops.cast(ops.take(table, ids, axis=0), self.compute_dtype)
        return vectors * ops.expand_dims(ops.cast(values, self.compute_dtype), -1)

    def compute_output_shape(self, ids_shape: tuple[int | None, ...], values_shape: Any) -> tuple[int | None, ...]:
        return (*ids_shape, self._config["units"])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable("diptych")
class Bias(keras.layers.Layer):
    """Adds a learned vector, zero at first, to ``[..., units]``."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.bias = self.add_weight((input_shape[-1],), "zeros", name="bias")

    def call(self, vectors: Any) -> Any:
        return vectors + self.bias


@keras.saving.register_keras_serializable("diptych")
class Positions(keras.layers.Layer):
    """Adds a learned vector for each position to ``[b, length, units]``."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.table = self.add_weight(tuple(input_shape[1:]), initializer, name="table")

    def call(self, vectors: Any) -> Any:
        return vectors + self.table


@keras.saving.register_keras_serializable("diptych")
class Given(keras.layers.Layer):
    """Which examples have an image and which a text, bool ``[b]`` each.

    An image is missing where all its pixels are 0, a text where all its ids are. In training, examples lose the one or
    the other at random, never both.

    Args:
        drop_image, drop_text: the shares of examples that lose their image and their text.
    """

    def __init__(self, drop_image: float, drop_text: float, **options: Any) -> None:
        super().__init__(**options)
        self._config = {"drop_image": drop_image, "drop_text": drop_text}
        self._seeds = keras.random.SeedGenerator()

    def call(self, pixels: Any, ids: Any, training: bool = False) -> tuple[Any, Any]:
        image = ops.any(ops.not_equal(pixels, 0), axis=(1, 2, 3))
        text = ops.any(ops.not_equal(ids, 0), axis=1)
        if not training:
            return image, text
        chance = keras.random.uniform(ops.shape(text), dtype="float32", seed=self._seeds)
        keeps_image = chance >= self._config["drop_image"]
        keeps_text = chance < 1 - self._config["drop_text"]
        return ops.logical_and(image, keeps_image), ops.logical_and(text, keeps_text)

    def compute_output_spec(self, pixels: Any, ids: Any, training: bool = False) -> tuple[Any, Any]:
        given = keras.KerasTensor(ids.shape[:1], dtype="bool")
        return given, keras.KerasTensor(ids.shape[:1], dtype="bool")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable("diptych")
class OrLearned(keras.layers.Layer):
    """Vectors ``[b, units]`` where they are given, bool ``[b]``; elsewhere one that is learned."""

    def build(self, vectors_shape: tuple[int | None, ...], given_shape: Any) -> None:
        self.vector = self.add_weight((vectors_shape[-1],), "zeros", name="vector")

    def call(self, vectors: Any, given: Any) -> Any:
        return ops.where(ops.expand_dims(given, -1), vectors, self.vector)

    def compute_output_shape(self, vectors_shape: tuple[int | None, ...], given_shape: Any) -> tuple[int | None, ...]:
        return vectors_shape


@keras.saving.register_keras_serializable("diptych")
class Mixture(keras.layers.Layer):
    """``share * first + (1 - share) * second`` of two equal shapes; the share in 0..1 is learned, 1/2 at first."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.logit = self.add_weight((), "zeros", name="logit")

    def call(self, first: Any, second: Any) -> Any:
        share = ops.sigmoid(self.logit)
        return share * first + (1 - share) * second


@keras.saving.register_keras_serializable("diptych")
class AtLeastOne(keras.layers.Layer):
    """An empty batch ``[0, ...]`` becomes one of a single example of zeros; all others stay as they are.

    TensorFlow's convolution by oneDNN gives an empty batch its input's shape (2.16, 2.21), which no later layer takes.
    """

    def call(self, examples: Any) -> Any:
        # Not as many zeros as are lacking: TensorFlow Lite (2.16, 2.21) writes beyond its memory if that is none.
        one = ops.zeros((1, *examples.shape[1:]), examples.dtype)
        return ops.concatenate([examples, one])[: ops.maximum(ops.shape(examples)[0], 1)]

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


@keras.saving.register_keras_serializable("diptych")
class AsManyAs(keras.layers.Layer):
    """The first of ``[b, ...]``, as many as the second has: what ``AtLeastOne`` added is taken away."""

    def call(self, vectors: Any, examples: Any) -> Any:
        return vectors[: ops.shape(examples)[0]]

    def compute_output_shape(self, vectors_shape: tuple[int | None, ...], examples_shape: Any) -> Any:
        return vectors_shape


@keras.saving.register_keras_serializable("diptych")
class FirstOf(keras.layers.Layer):
    """The first of several tensors. Keras refuses inputs that lead nowhere: here those end that a network ignores."""

    def call(self, tensors: Any) -> Any:
        return tensors[0]

    def compute_output_shape(self, shapes: Any) -> Any:
        return shapes[0]
