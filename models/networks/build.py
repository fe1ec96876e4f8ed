"""Builds the network of image and text, or of one of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, PADDING, VALUES_INPUT, Modality, NetworkInputs
from diptych.models.labels import Task
from diptych.models.networks.options import FusionOptions, NetworkOptions, check_network

if TYPE_CHECKING:
    import keras


#: The layer that gives the logits of the wide part.
WIDE = "wide"
#: The layers of its linear models: of the image alone, of the text alone, and of both; only networks of image and text
#: have the last two. Those of texts have a bias in a layer of their own, ``<name>_bias``.
WIDE_IMAGE, WIDE_TEXT, WIDE_BOTH_IMAGE, WIDE_BOTH_TEXT = "wide_image", "wide_text", "wide_both_image", "wide_both_text"
#: The layers that give the logits of the deep part, and the scaled sum of wide and deep.
DEEP, PARTS = "deep", "parts"


def build_network(options: NetworkOptions, inputs: NetworkInputs, classes: int, task: Task) -> keras.Model:
    """Builds the network: a wide part, which is a linear model, and a deep one.

    The wide part (Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016) has weights by frozen feature of
    the image (the layer ``wide_image``, a ``Dense``) and by term (``wide_text``); where a network has both, there are
    further ones for examples that have both (``wide_both_image`` and ``wide_both_text``). They are initially zero, and
    ``diptych.models.linear`` fits them. The layer ``wide`` gives the logits, and ``deep`` those of the deep part, which
    is trained by itself; ``parts`` gives their sum, with scales that are fitted last.

    The layer ``terms`` has weights ``[vocabulary_size + 1, units]`` and those of the wide part by term
    ``[vocabulary_size + 1, classes]``, with row ``i`` for id ``i``. The columns of the wide part's weights are weights
    by label, as are those of the kernel and bias of ``deep_scores``, or for late fusion of ``image_scores`` and
    ``text_scores``.

    Args:
        options: their backbone is not ``auto``.
        inputs: the inputs of the model. All of them remain inputs where the options leave the image or the text out.
        classes: number of labels.
        task: whether an example has one label, or any number of them.

    Returns:
        A Keras model from ``inputs.spec()`` to probabilities float32 ``[b, classes]``, which come from the layer
        ``scores``; they sum to 1 for ``multiclass`` and are independent for ``multilabel``. The layer ``embedding``
        gives the vector before the last layer, float32 ``[b, n]``. A pretrained backbone is the layer ``backbone``.

    Raises:
        OptionsError: the options do not suit the inputs, or the weights are not those of the backbone.
        OSError: the backbone's weights are missing, or cannot be downloaded.
    """
    import keras
    from keras import layers

    from diptych.models.networks import fusion
    from diptych.models.networks.layers import IgnoreUnusedInputs, ScaledSum

    check_network(options, inputs.image_size, inputs.text_kind)
    tensors = {
        name: keras.Input(spec.shape[1:], dtype=spec.dtype.name, name=name) for name, spec in inputs.spec().items()
    }
    vectors, wide = _build_towers(options, tensors, inputs.vocabulary_size, classes)
    if IDS_INPUT in tensors and len(vectors) == 1:
        unused = [tensor for name, tensor in tensors.items() if (name == IMAGE_INPUT) != bool(options.image)]
        vectors = [IgnoreUnusedInputs()([*vectors, *unused])]
    embedding = layers.Dropout(options.fusion.dropout)(fusion.fuse(options.fusion, vectors))
    if options.fusion.kind == "late":
        image, text = fusion.split_embedding(embedding, vectors[0].shape[-1])
        image_logits = layers.Dense(classes, name="image_scores")(image)
        text_logits = layers.Dense(classes, name="text_scores")(text)
        deep = fusion.average_logits(task, image_logits, text_logits)
    else:
        deep = layers.Dense(classes, name="deep_scores")(embedding)
    deep = layers.Identity(dtype="float32", name=DEEP)(deep)
    logits = deep if wide is None else ScaledSum(dtype="float32", name=PARTS)(wide, deep)
    return keras.Model(tensors, fusion.compute_scores(task, logits, fusion.SCORES_LAYER), name="diptych")


def requires_modality(model: keras.Model, modality: Modality) -> bool:
    """Whether the network uses the image or the text, and has not learned a default for a missing one.

    To a network that does not require it, a missing image is given as zeros, and a missing text as ids that are all 0.
    """
    names = {layer.name for layer in model.layers}
    return f"{modality}_vector" in names and f"missing_{modality}" not in names


def _build_towers(
    options: NetworkOptions, tensors: dict[str, Any], vocabulary_size: int | None, classes: int
) -> tuple[list[Any], Any]:
    """The vectors of those of image and text that the options have, and the logits of the wide part or None."""
    from keras import layers, ops

    from diptych.models.networks.image_tower import image_branch
    from diptych.models.networks.layers import LearnedDefault
    from diptych.models.networks.text_tower import text_tower

    pixels, ids, fusion = tensors[IMAGE_INPUT], tensors.get(IDS_INPUT), options.fusion
    branch = image_branch(options.image, pixels) if options.image else None
    # Where the network needs only frozen features, it must not need the pixels to tell whether there is an image.
    image_source = pixels if branch is None or branch.features is None else branch.features
    has_image, has_text = _drop_modalities(fusion, image_source, ids)
    vectors, all_values = [], None
    if branch:
        image = branch.vector
        vectors.append(LearnedDefault(name="missing_image")(image, has_image) if fusion.drop_image else image)
    if options.text and vocabulary_size is not None:
        values = tensors[VALUES_INPUT] if VALUES_INPUT in tensors else ops.cast(ops.not_equal(ids, PADDING), "float32")
        all_values = values
        if fusion.drop_text:
            values = ops.where(ops.expand_dims(has_text, -1), values, 0.0)
        # Without this dropout, the weights of a few rare terms memorise each training row.
        values = layers.Dropout(options.text.dropout)(values)
        text = text_tower(options.text, vocabulary_size, ids, values)
        vectors.append(LearnedDefault(name="missing_text")(text, has_text) if fusion.drop_text else text)
    frozen = branch.features if options.image and options.image.wide and branch else None
    terms = (ids, all_values) if options.text and options.text.wide and all_values is not None else None
    return vectors, _build_wide(frozen, terms, vocabulary_size or 0, classes)


def _build_wide(features: Any, terms: tuple[Any, Any] | None, vocabulary_size: int, classes: int) -> Any:
    """The logits of the wide part; None if there is none.

    Args:
        features: frozen features of the image float32 ``[b, n]``; None without weights for them.
        terms: ids and values of the text ``[b, k]``; None without weights for them.
    """
    from keras import layers

    from diptych.models.networks.layers import ByPresence, HasModality
    from diptych.models.networks.text_tower import wide_path

    def of_image(name: str) -> Any:
        return layers.Dense(classes, kernel_initializer="zeros", dtype="float32", trainable=False, name=name)(features)

    def of_text(name: str) -> Any:
        ids, values = terms or (None, None)
        return wide_path(vocabulary_size, classes, ids, values, name)

    if features is None and terms is None:
        return None
    if features is None or terms is None:
        return layers.Identity(name=WIDE)(of_text(WIDE_TEXT) if features is None else of_image(WIDE_IMAGE))
    both = layers.Add()([of_image(WIDE_BOTH_IMAGE), of_text(WIDE_BOTH_TEXT)])
    alone = of_image(WIDE_IMAGE), of_text(WIDE_TEXT)
    return ByPresence(dtype="float32", name=WIDE)(both, *alone, HasModality()(features), HasModality()(terms[0]))


def _drop_modalities(fusion: FusionOptions, image_source: Any, ids: Any) -> tuple[Any, Any]:
    """Which examples have an image and which a text, bool ``[b]`` each; None where training drops neither."""
    from diptych.models.networks.layers import ModalityDropout

    if not (fusion.drop_image or fusion.drop_text):
        return None, None
    dropout = ModalityDropout(fusion.drop_image, fusion.drop_text, name="modality_dropout")
    has_image, has_text = dropout(image_source, ids)
    return has_image, has_text
