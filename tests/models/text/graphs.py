"""Transform's graph of some rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from diptych.models import features
from diptych.models.text.options import EncodingOptions
from diptych.models.text.preprocessing import LABEL_OPTIONS_KEY, TASK_KEY, TEXT_OPTIONS_KEY, preprocessing_fn
from diptych.models.text.transform_graph import TransformGraph
from tests.helpers import IN_PROCESS


def fit_graph(folder: Path, texts: Sequence[str], labels: Sequence[Any], encoding: EncodingOptions) -> Any:
    """The ``tft.TFTransformOutput`` of rows with a label each, or a list of labels each."""
    import apache_beam as beam
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    one = tf.io.FixedLenFeature([1], tf.string)
    several = tf.io.VarLenFeature(tf.string)
    spec = {features.DESCRIPTION: one, features.LABEL: several if encoding.task == "multilabel" else one}
    rows = [
        {features.DESCRIPTION: [text], features.LABEL: label if isinstance(label, list) else [label]}
        for text, label in zip(texts, labels, strict=True)
    ]
    config = {
        TEXT_OPTIONS_KEY: encoding.text.model_dump_json(),
        LABEL_OPTIONS_KEY: encoding.label.model_dump_json(),
        TASK_KEY: encoding.task,
    }
    metadata = DatasetMetadata.from_feature_spec(spec)
    with tft_beam.Context(temp_dir=str(folder / "temp")), beam.Pipeline(argv=[IN_PROCESS]) as pipeline:
        graph = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(
            partial(preprocessing_fn, custom_config=config)
        )
        _ = graph | tft_beam.WriteTransformFn(str(folder))
        _ = metadata | tft_beam.WriteMetadata(str(folder / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline)
    return tft.TFTransformOutput(str(folder))


def apply_to_texts(graph: Any, texts: Sequence[str]) -> dict[str, Any]:
    """The features of texts, by the graph as it is served."""
    return TransformGraph(graph)({features.DESCRIPTION: tf.constant(texts)[:, None]})


def label_ids(graph: Any, labels: Any) -> Any:
    """The feature ``label_id``, by the graph as it is served."""
    return TransformGraph(graph)({features.LABEL: labels})[features.LABEL_ID]
