"""Small exported models with random weights, each made once for all tests of a session."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from diptych.models.inputs import Modality
from diptych.models.labels import Task
from diptych.models.networks.options import FusionOptions, ImageNetworkOptions, NetworkOptions, TextNetworkOptions
from diptych.models.text.options import TextOptions
from tests.helpers import SMALL, fit_transform_graph

TEXTS = ("a red cat", "the blue dog", "a red dog and a cat", "one green fish")
LABELS: dict[str, Any] = {
    "multiclass": ("cat", "dog", "dog", "fish"),
    "multilabel": (["cat"], ["dog"], ["cat", "dog"], ["fish"]),
}
#: Of the labels of ``model_requiring_neither``, which gets at least one.
THRESHOLDS = (0.7, 0.9, 0.1)
_IMAGE = ImageNetworkOptions(backbone="cnn", filters=(4, 4), units=6)


@dataclass(frozen=True)
class ExportedModel:
    """The folder of a SavedModel, its Keras network, and what it was built from."""

    folder: str
    network: Any
    decoder: Any
    options: NetworkOptions

    @property
    def signatures(self) -> Any:
        """The signatures of the SavedModel, which is loaded once."""
        return _signatures(self.folder)


@cache
def _signatures(folder: str) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    # A signature does not keep the SavedModel alive, so each function holds a reference to it.
    return {
        name: (lambda *, _of=loaded, _call=call, **inputs: _call(**inputs)) for name, call in loaded.signatures.items()
    }


@cache
def model_requiring_both() -> ExportedModel:
    """A multiclass model of bags of words, which requires image and text."""
    options = NetworkOptions(image=_IMAGE, text=TextNetworkOptions(units=5))
    return _export("multiclass", TextOptions(), options)


@cache
def model_requiring_neither() -> ExportedModel:
    """A multilabel model of sequences, which was built to answer without image or text."""
    text = TextNetworkOptions(tower="attention", units=5, wide=False)
    options = NetworkOptions(image=_IMAGE, text=text, fusion=FusionOptions(drop_image=0.2, drop_text=0.2))
    return _export("multilabel", TextOptions(encoding="sequence", length=6), options)


@cache
def model_of_images_alone() -> ExportedModel:
    """A multiclass model of records without texts."""
    return _export("multiclass", None, NetworkOptions(image=_IMAGE, text=None))


@cache
def model_of_empty_texts_too() -> ExportedModel:
    """A multiclass model of bags of words, of whose training's texts some were empty."""
    options = NetworkOptions(image=_IMAGE, text=TextNetworkOptions(units=5))
    return _export("multiclass", TextOptions(encoding="tfidf"), options, ("text",))


def randomise(network: Any) -> None:
    """Gives each weight that is trained a random value, also those that are 0 before training."""
    rng = np.random.default_rng(3)
    for weight in network.trainable_variables:
        weight.assign(rng.normal(0, 0.3, weight.shape))


def _export(
    task: Task, text: TextOptions | None, options: NetworkOptions, optional: Collection[Modality] = ()
) -> ExportedModel:
    import keras

    from diptych.models.decoders.transform_graph import TransformGraphDecoder
    from diptych.models.networks.build import build_network
    from diptych.models.serving.export import export_model

    folder = Path(tempfile.mkdtemp(prefix="diptych-exported-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    graph = fit_transform_graph(folder / "graph", TEXTS, LABELS[task], text, task)
    decoder = TransformGraphDecoder(graph, SMALL, text)
    keras.utils.set_random_seed(3)
    network = build_network(options, decoder.inputs, len(decoder.labels), task)
    randomise(network)
    several = task == "multilabel"
    export_model(network, decoder, str(folder / "pushed" / "7"), optional, THRESHOLDS if several else None, several)
    return ExportedModel(str(folder / "pushed" / "7"), network, decoder, options)
