"""Starting from the weights of the last blessed model, though terms and labels have come, gone or changed places."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.transformed import Decoder
from diptych.models.networks.build import build_network
from diptych.models.networks.options import NetworkOptions
from diptych.models.progress import report
from diptych.models.serving.card import read_card, read_terms, weights_file
from diptych.models.text.options import TextOptions
from diptych.models.text.vocabulary import read_vocabulary
from diptych.models.versions import newest

# Their sums and multiples differ, so that each tells which axes are terms and which are labels.
_MORE_TERMS, _MORE_LABELS = 1, 2

#: Builds the network for a number of terms and of labels.
Build = Callable[[int, int], keras.Model]


@dataclass(frozen=True)
class Catalogue:
    """What the rows and columns of weights stand for.

    Attributes:
        terms: the vocabulary, in the order of the ids; the bucket of unknown terms, where there is one, is None.
        labels: the label names, in the order of their ids.
    """

    terms: Sequence[str | None]
    labels: Sequence[str]


def start_from_blessed(model: keras.Model, network: NetworkOptions, decoder: Decoder, push_directory: str) -> None:
    """Gives a network the weights of the newest pushed model, and reports it.

    Terms and labels that the old model lacks keep the weights they have. Where there is no pushed model, or it is of
    another build of the network, all weights stay, and the report says why.

    Args:
        model: the network, built of ``network`` for the records that ``decoder`` reads.
        push_directory: where Pusher puts blessed models.
    """
    path = newest(push_directory)
    if path is None:
        report("note", text=f"training starts fresh: '{push_directory}' holds no blessed model")
        return
    untrained = _without_weights(network)

    def build(terms: int, labels: int) -> keras.Model:
        return build_network(untrained, replace(decoder.inputs, terms=terms), labels, decoder.task)

    try:
        card = read_card(path)
        before = _catalogue(read_terms(path), card.labels, card.text)
        old = build(len(before.terms), len(before.labels))
        _load(old, weights_file(path))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[:1]
        report("note", text=f"training starts fresh, for '{path}' is no start: {''.join(reason)}")
        return
    terms = read_vocabulary(decoder.transform, features.DESCRIPTION_VOCABULARY) if decoder.terms else []
    copy_weights(old, model, build, before, _catalogue(terms, decoder.labels, decoder.text))
    report("note", text=f"training starts from the weights of '{path}'")


def copy_weights(old: keras.Model, new: keras.Model, build: Build, before: Catalogue, after: Catalogue) -> None:
    """Copies weights between two builds of one network, by term and by label where they stand for such.

    Args:
        before: the terms and labels of ``old``.
        after: those of ``new``.
    """
    more = build(len(before.terms) + _MORE_TERMS, len(before.labels) + _MORE_LABELS)
    for source, target, probe in zip(old.weights, new.weights, more.weights, strict=True):
        values = source.numpy()
        growth = [wide - narrow for wide, narrow in zip(probe.shape, source.shape, strict=True)]
        places = [_places(axis, grown, before, after) for axis, grown in zip(target.shape, growth, strict=True)]
        taken = target.numpy()
        taken[np.ix_(*(to for to, _ in places))] = values[np.ix_(*(of for _, of in places))]
        target.assign(taken)


def _places(size: int, growth: int, before: Catalogue, after: Catalogue) -> tuple[list[int], list[int]]:
    """Where values go to along an axis of ``size``, and where they come from."""
    names = {_MORE_TERMS: (before.terms, after.terms), _MORE_LABELS: (before.labels, after.labels)}
    if growth not in names:
        return list(range(size)), list(range(size))
    old, new = names[growth]
    # The row of what pads comes before those of the terms.
    first = size - len(new)
    known = {name: place for place, name in enumerate(old)}
    shared = [(place, known[name]) for place, name in enumerate(new) if name in known]
    padding = list(range(first))
    return padding + [first + to for to, _ in shared], padding + [first + of for _, of in shared]


def _load(model: keras.Model, path: str) -> None:
    """Keras reads local files only."""
    with tempfile.TemporaryDirectory() as folder, tf.io.gfile.GFile(path, "rb") as remote:
        local = os.path.join(folder, "model.weights.h5")
        with open(local, "wb") as file:
            shutil.copyfileobj(remote, file)
        model.load_weights(local)


def _catalogue(terms: Sequence[str], labels: Sequence[str], text: TextOptions) -> Catalogue:
    return Catalogue([*terms, None] if text.oov == "bucket" else terms, labels)


def _without_weights(network: NetworkOptions) -> NetworkOptions:
    """The same network, without a backbone's weights, which would be read only to be replaced."""
    image = network.image and network.image.model_copy(update={"weights": None})
    return network.model_copy(update={"image": image})
