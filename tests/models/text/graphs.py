"""Transform graphs of a few rows, and the features that they give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from diptych.models import features
from diptych.models.text.options import EncodingOptions
from diptych.models.text.transform_graph import TransformGraph
from tests.helpers import fit_transform_graph


def fit_graph(folder: Path, texts: Sequence[str], labels: Sequence[Any], encoding: EncodingOptions) -> Any:
    """The ``tft.TFTransformOutput`` of some rows; a label is a text, for multilabel a list of texts."""
    return fit_transform_graph(folder, texts, labels, encoding.text, encoding.task, encoding.label)


def apply_to_texts(graph: Any, texts: Sequence[str]) -> dict[str, Any]:
    """The features of texts, from the graph as it is served."""
    return TransformGraph(graph)({features.DESCRIPTION: tf.constant(texts)[:, None]})


def label_ids(graph: Any, labels: Any) -> Any:
    """The feature ``label_id``, from the graph as it is served."""
    return TransformGraph(graph)({features.LABEL: labels})[features.LABEL_ID]
