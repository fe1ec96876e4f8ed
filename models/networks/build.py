"""Builds the network of image and text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, PADDING, VALUES_INPUT, NetworkInputs
from diptych.models.labels import Task
from diptych.models.networks.options import FusionOptions, NetworkOptions, check_network

if TYPE_CHECKING:
    import keras


def build_network(options: NetworkOptions, inputs: NetworkInputs, classes: int, task: Task) -> keras.Model:
    """Builds the network.

    The layers ``terms`` and ``wide`` have weights by term, ``[vocabulary_size + 1, units]`` and
    ``[vocabulary_size + 1, classes]``, with row ``i`` for id ``i``. The columns of ``wide`` are weights by label, as
    are those of the kernel and bias of ``deep``, or for late fusion of ``image_scores`` and ``text_scores``. With
    ``wide`` (Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016) the network contains a linear text
    model.

    Args:
        inputs: the inputs of the model. All of them remain inputs where the options leave the image or the text out.
        classes: number of labels.
        task: whether an example has one label, or any number of them.

    Returns:
        A Keras model from ``inputs.spec()`` to probabilities float32 ``[b, classes]``, which come from the layer
        ``scores``; they sum to 1 for ``multiclass`` and are independent for ``multilabel``. The layer ``embedding``
        gives the vector before the last layer, float32 ``[b, n]``. A backbone of ``keras.applications`` is the layer
        ``backbone``.

    Raises:
        OptionsError: the options do not suit the inputs, or the weights are not those of the backbone.
        OSError: the backbone's weights are missing, or cannot be downloaded.
    """
    import keras
    from keras import layers

    from diptych.models.networks import fusion
    from diptych.models.networks.layers import IgnoreUnusedInputs

    check_network(options, inputs.image_size, inputs.sequence_length is not None)
    tensors = {
        name: keras.Input(spec.shape[1:], dtype=spec.dtype.name, name=name) for name, spec in inputs.spec().items()
    }
    vectors, wide_logits = _build_towers(options, tensors, inputs.vocabulary_size, classes)
    if options.image is None or options.text is None:
        vectors = [IgnoreUnusedInputs()([*vectors, *tensors.values()])]
    embedding = layers.Dropout(options.fusion.dropout)(fusion.fuse(options.fusion, vectors))
    if options.fusion.kind == "late":
        image, text = fusion.split_embedding(embedding, vectors[0].shape[-1])
        image_logits = layers.Dense(classes, name="image_scores")(image)
        text_logits = _add(layers.Dense(classes, name="text_scores")(text), wide_logits)
        scores = fusion.average_scores(task, image_logits, text_logits)
    else:
        scores = fusion.compute_scores(task, _add(layers.Dense(classes, name="deep")(embedding), wide_logits))
    return keras.Model(tensors, scores, name="diptych")


def requires_modality(model: keras.Model, modality: Literal["image", "text"]) -> bool:
    """Whether the network uses the image or the text, and has not learned a default for a missing one.

    To a network that does not require it, a missing image is given as zeros, and a missing text as ids that are all 0.
    """
    names = {layer.name for layer in model.layers}
    return f"{modality}_vector" in names and f"missing_{modality}" not in names


def _build_towers(
    options: NetworkOptions, tensors: dict[str, Any], vocabulary_size: int, classes: int
) -> tuple[list[Any], Any]:
    """The vectors of those of image and text that the options have, and the logits of the wide path or None."""
    from keras import layers, ops

    from diptych.models.networks.image_tower import image_tower
    from diptych.models.networks.layers import LearnedDefault
    from diptych.models.networks.text_tower import text_tower, wide_path

    pixels, ids, fusion = tensors[IMAGE_INPUT], tensors[IDS_INPUT], options.fusion
    values = tensors[VALUES_INPUT] if VALUES_INPUT in tensors else ops.cast(ops.not_equal(ids, PADDING), "float32")
    has_image, has_text = _drop_modalities(fusion, pixels, ids)
    vectors, wide_logits = [], None
    if options.image:
        image = image_tower(options.image, pixels)
        vectors.append(LearnedDefault(name="missing_image")(image, has_image) if fusion.drop_image else image)
    if options.text:
        if fusion.drop_text:
            values = ops.where(ops.expand_dims(has_text, -1), values, 0.0)
        # Without this dropout, the weights of a few rare terms memorise each training row.
        values = layers.Dropout(options.text.dropout)(values)
        text = text_tower(options.text, vocabulary_size, ids, values)
        vectors.append(LearnedDefault(name="missing_text")(text, has_text) if fusion.drop_text else text)
        wide_logits = wide_path(vocabulary_size, classes, ids, values) if options.text.wide else None
    return vectors, wide_logits


def _drop_modalities(fusion: FusionOptions, pixels: Any, ids: Any) -> tuple[Any, Any]:
    """Which examples have an image and which a text, bool ``[b]`` each; None where training drops neither."""
    from diptych.models.networks.layers import ModalityDropout

    if not (fusion.drop_image or fusion.drop_text):
        return None, None
    has_image, has_text = ModalityDropout(fusion.drop_image, fusion.drop_text, name="modality_dropout")(pixels, ids)
    return has_image, has_text


def _add(logits: Any, wide_logits: Any) -> Any:
    from keras import layers

    return logits if wide_logits is None else layers.Add()([logits, wide_logits])
