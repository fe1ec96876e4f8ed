"""Builds the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, PADDING, VALUES_INPUT, NetworkInputs
from diptych.models.labels import Task
from diptych.models.networks.options import NetworkOptions, check_network

if TYPE_CHECKING:
    import keras


def build_network(options: NetworkOptions, inputs: NetworkInputs, classes: int, task: Task) -> keras.Model:
    """Builds the network.

    Weights by term are those of the layers ``terms`` and ``wide``, ``[terms + 1, units]`` and ``[terms + 1, classes]``,
    row ``i`` for id ``i``; weights by label are ``wide``'s columns and those of the kernels and biases of ``deep``, or
    of ``image_scores`` and ``text_scores`` for late fusion. ``wide`` (Cheng et al., "Wide & Deep Learning for
    Recommender Systems", 2016) lets the network be at least what a linear text model is.

    Args:
        inputs: what the network takes; it takes all of it, also where options leave the image or the text out.
        classes: number of labels.
        task: whether an example has one label, or any number of them.

    Returns:
        A Keras model of ``inputs.spec()`` to probabilities float32 ``[b, classes]``, in the layer ``scores``: they add
        up to 1 for ``multiclass``, each is by itself for ``multilabel``. The layer ``embedding`` gives the vector
        before the last layer, float32 ``[b, n]``. A backbone of ``keras.applications`` is the layer ``backbone``.

    Raises:
        ValueError: options and inputs do not go together, or the weights are not the backbone's.
        OSError: the backbone's weights are missing, or cannot be downloaded.
    """
    import keras
    from keras import layers

    from diptych.models.networks import fusion
    from diptych.models.networks.layers import FirstOf

    check_network(options, inputs.image, inputs.length is not None)
    taken = {
        name: keras.Input(spec.shape[1:], dtype=spec.dtype.name, name=name) for name, spec in inputs.spec().items()
    }
    vectors, wide = _towers(options, taken, inputs.terms, classes)
    if options.image is None or options.text is None:
        vectors = [FirstOf()([*vectors, *taken.values()])]
    embedding = fusion.join(options.fusion, vectors)
    kept = layers.Dropout(options.fusion.dropout)(embedding)
    if options.fusion.kind == "late":
        image, text = fusion.split(kept, vectors[0].shape[-1])
        by_image = layers.Dense(classes, name="image_scores")(image)
        by_text = _add(layers.Dense(classes, name="text_scores")(text), wide)
        scores = fusion.late_scores(task, by_image, by_text)
    else:
        scores = fusion.scores(task, _add(layers.Dense(classes, name="deep")(kept), wide))
    return keras.Model(taken, scores, name="diptych")


def needs(model: keras.Model, part: Literal["image", "text"]) -> bool:
    """Whether the network answers by this part and has not learned to do without.

    Where it is not needed, a missing image is one of zeros, a missing text one whose ids are all 0.
    """
    names = {layer.name for layer in model.layers}
    return f"{part}_vector" in names and f"missing_{part}" not in names


def _towers(options: NetworkOptions, taken: dict[str, Any], terms: int, classes: int) -> tuple[list[Any], Any]:
    """The vectors of image and text, whichever there are, and the wide path's logits or None."""
    from keras import layers, ops

    from diptych.models.networks.image_tower import image_tower
    from diptych.models.networks.layers import Given, OrLearned
    from diptych.models.networks.text_tower import text_tower, wide_path

    pixels, ids, fusion = taken[IMAGE_INPUT], taken[IDS_INPUT], options.fusion
    values = taken[VALUES_INPUT] if VALUES_INPUT in taken else ops.cast(ops.not_equal(ids, PADDING), "float32")
    image_given = text_given = None
    if fusion.drop_image or fusion.drop_text:
        image_given, text_given = Given(fusion.drop_image, fusion.drop_text, name="given")(pixels, ids)
    vectors, wide = [], None
    if options.image:
        image = image_tower(options.image, pixels)
        vectors.append(OrLearned(name="missing_image")(image, image_given) if fusion.drop_image else image)
    if options.text:
        if fusion.drop_text:
            values = ops.where(ops.expand_dims(text_given, -1), values, 0.0)
        # Without it a few rare terms learn each training row by heart.
        values = layers.Dropout(options.text.dropout)(values)
        text = text_tower(options.text, terms, ids, values)
        vectors.append(OrLearned(name="missing_text")(text, text_given) if fusion.drop_text else text)
        wide = wide_path(terms, classes, ids, values) if options.text.wide else None
    return vectors, wide


def _add(logits: Any, wide: Any) -> Any:
    from keras import layers

    return logits if wide is None else layers.Add()([logits, wide])
