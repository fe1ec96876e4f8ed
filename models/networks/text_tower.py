"""The text tower, which encodes terms as a vector, and the wide path from each term to the labels."""

from __future__ import annotations

from typing import Any

from keras import layers, ops

from diptych.models.networks.layers import AddBias, PositionEmbedding, WeightedEmbedding
from diptych.models.networks.options import TextNetworkOptions


def text_tower(options: TextNetworkOptions, vocabulary_size: int, ids: Any, values: Any) -> Any:
    """Encodes texts as vectors.

    Args:
        vocabulary_size: number of terms.
        ids: int64 ``[b, k]``; 0 is padding.
        values: float ``[b, k]``; 0 where a term is dropped.

    Returns:
        Float ``[b, options.units]``.
    """
    vectors = WeightedEmbedding(vocabulary_size, options.units, name="terms")(ids, values)
    if options.tower == "bag":
        return layers.ReLU(name="text_vector")(AddBias(name="text_bias")(ops.sum(vectors, axis=1)))
    present = ops.not_equal(values, 0)
    if options.tower == "transformer":
        vectors = _transformer(options, vectors, present)
    return layers.Dense(options.units, activation="relu", name="text_vector")(_pool(options, vectors, present))


def wide_path(vocabulary_size: int, classes: int, ids: Any, values: Any, name: str) -> Any:
    """What each term adds to the logits by itself, and a bias, float32 ``[b, classes]``; initially zero."""
    options: dict[str, Any] = {"dtype": "float32", "trainable": False}
    embedding = WeightedEmbedding(vocabulary_size, classes, "zeros", name=name, **options)
    return AddBias(name=f"{name}_bias", **options)(ops.sum(embedding(ids, values), axis=1))


def _transformer(options: TextNetworkOptions, vectors: Any, present: Any) -> Any:
    """A pre-LN encoder (Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020)."""
    x = PositionEmbedding(name="positions")(vectors)
    mask = ops.expand_dims(present, 1)
    for _ in range(options.layers):
        y = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(options.heads, options.units // options.heads, dropout=options.dropout)
        x = layers.Add()([x, attention(y, y, attention_mask=mask)])
        y = layers.Dense(4 * options.units, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dropout(options.dropout)(layers.Dense(options.units)(y))])
    return layers.LayerNormalization()(x)


def _pool(options: TextNetworkOptions, vectors: Any, present: Any) -> Any:
    """The average of the vectors weighted by attention; zeros for a text without terms.

    Yang et al., "Hierarchical Attention Networks for Document Classification", 2016, equations 5 to 7.
    """
    mask = ops.expand_dims(present, -1)
    hidden = layers.Dense(options.units, activation="tanh", name="attention_hidden")(vectors)
    logits = layers.Dense(1, use_bias=False, name="attention")(hidden)
    weights = layers.Softmax(axis=1, dtype="float32", name="attention_weights")(logits, mask=mask)
    return ops.sum(ops.where(mask, weights * ops.cast(vectors, "float32"), 0.0), axis=1)
