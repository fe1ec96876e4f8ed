"""Warm start: training from the weights of the last blessed model, whose terms and labels may differ."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import h5py
import keras
import numpy as np
import tensorflow as tf

from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.networks.build import build_network
from diptych.models.networks.options import NetworkOptions
from diptych.models.progress import report_progress
from diptych.models.serving.card import read_card, read_model_vocabulary, weights_path
from diptych.models.serving.whole_model import find_whole_model
from diptych.models.text.options import TextOptions

# By how much a network is enlarged to learn which axes of its weights belong to terms and which to labels. As the
# numbers differ, each axis grows by one of them or not at all.
_ADDED_TERMS, _ADDED_LABELS = 1, 2

# Keras names the groups of a weights file after the classes of the layers. In files of Diptych 0.1.0 some have other
# names: each with the name that its class has here.
_RENAMED_LAYERS = {
    "bias": "add_bias",
    "mixture": "learned_average",
    "or_learned": "learned_default",
    "positions": "position_embedding",
    "term_vectors": "weighted_embedding",
}

#: Builds the network for a number of terms and a number of labels.
NetworkBuilder = Callable[[int, int], keras.Model]


@dataclass(frozen=True)
class Vocabularies:
    """The terms and labels to which the rows and columns of weights belong.

    Attributes:
        terms: the terms in the order of their ids; the bucket of unknown terms, where there is one, is None.
        labels: the label names in the order of their ids.
    """

    terms: Sequence[str | None]
    labels: Sequence[str]


def warm_start_from_blessed(
    model: keras.Model, network: NetworkOptions, decoder: TransformGraphDecoder, push_directory: str
) -> None:
    """Copies the weights of the latest pushed model that is whole into a network, and reports it.

    Weights of terms and labels that the pushed model lacks stay as they are. If there is no pushed model, or its
    network was built with other options, all weights stay as they are, and the report says why.

    Args:
        model: the network for the records that ``decoder`` decodes.
        network: the options that ``model`` was built with.
        push_directory: where Pusher puts blessed models.
    """
    found = find_whole_model(push_directory)
    for sentence in found.passed_over:
        report_progress("note", text=sentence)
    path = found.folder
    if path is None:
        report_progress("note", text=f"training starts fresh: '{push_directory}' holds no blessed model")
        return
    options = _without_backbone_weights(network)

    def build(terms: int, labels: int) -> keras.Model:
        size = terms if decoder.text else None
        return build_network(options, replace(decoder.inputs, vocabulary_size=size), labels, decoder.task)

    try:
        card = read_card(path)
        pushed_vocabularies = _build_vocabularies(read_model_vocabulary(path), card.labels, card.text)
        pushed = build(len(pushed_vocabularies.terms), len(pushed_vocabularies.labels))
        load_pushed_weights(pushed, weights_path(path))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[:1]
        report_progress("note", text=f"training starts fresh, for '{path}' is no start: {''.join(reason)}")
        return
    vocabularies = _build_vocabularies(decoder.terms, decoder.labels, decoder.text)
    copy_weights(pushed, model, build, pushed_vocabularies, vocabularies)
    report_progress("note", text=f"training starts from the weights of '{path}'")


def load_pushed_weights(model: keras.Model, path: str) -> None:
    """Loads a weights file, which may be remote and of an earlier version of Diptych, into a network."""
    # Keras reads local files only.
    with tempfile.TemporaryDirectory() as folder, tf.io.gfile.GFile(path, "rb") as remote:
        local = os.path.join(folder, "model.weights.h5")
        with open(local, "wb") as file:
            shutil.copyfileobj(remote, file)
        _rename_layers(local)
        model.load_weights(local)


def copy_weights(
    source: keras.Model,
    target: keras.Model,
    build: NetworkBuilder,
    source_vocabularies: Vocabularies,
    target_vocabularies: Vocabularies,
) -> None:
    """Copies weights between two networks of the same options; those of terms and labels go by name.

    Args:
        build: builds such a network.
        source_vocabularies: the terms and labels of ``source``.
        target_vocabularies: the terms and labels of ``target``.
    """
    terms, labels = source_vocabularies.terms, source_vocabularies.labels
    enlarged = build(len(terms) + _ADDED_TERMS, len(labels) + _ADDED_LABELS)
    for given, changed, larger in zip(source.weights, target.weights, enlarged.weights, strict=True):
        growths = [after - before for after, before in zip(larger.shape, given.shape, strict=True)]
        indices = [
            _axis_indices(size, growth, source_vocabularies, target_vocabularies)
            for size, growth in zip(changed.shape, growths, strict=True)
        ]
        values = changed.numpy()
        values[np.ix_(*(to for to, _ in indices))] = given.numpy()[np.ix_(*(of for _, of in indices))]
        changed.assign(values)


def _axis_indices(size: int, growth: int, source: Vocabularies, target: Vocabularies) -> tuple[list[int], list[int]]:
    """The indices that are copied to and those that they are copied from, along an axis of a weight.

    Args:
        size: the size of the target's axis.
        growth: by how much the axis is larger in the enlarged network.
    """
    names = {_ADDED_TERMS: (source.terms, target.terms), _ADDED_LABELS: (source.labels, target.labels)}
    if growth not in names:
        return list(range(size)), list(range(size))
    source_names, target_names = names[growth]
    # The row for padding comes before those of the terms.
    padding = size - len(target_names)
    source_indices = {name: index for index, name in enumerate(source_names)}
    shared = [(index, source_indices[name]) for index, name in enumerate(target_names) if name in source_indices]
    first = list(range(padding))
    return first + [padding + to for to, _ in shared], first + [padding + of for _, of in shared]


def _rename_layers(path: str) -> None:
    with h5py.File(path, "r+") as file:
        layers = file["layers"]
        for group in list(layers):
            name, number = re.fullmatch(r"(.+?)(_\d+)?", group).groups("")  # type: ignore[union-attr]
            if name in _RENAMED_LAYERS:
                layers.move(group, _RENAMED_LAYERS[name] + number)


def _build_vocabularies(terms: Sequence[str], labels: Sequence[str], text: TextOptions | None) -> Vocabularies:
    return Vocabularies([*terms, None] if text and text.oov == "bucket" else terms, labels)


def _without_backbone_weights(network: NetworkOptions) -> NetworkOptions:
    """The same options without the weights of the backbone, which would be loaded only to be replaced."""
    image = network.image and network.image.model_copy(update={"weights": None})
    return network.model_copy(update={"image": image})
