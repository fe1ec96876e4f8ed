"""Diptych's ``read_dataset`` on a run's Examples: texts are stored as given, and the Transform graph encodes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import tensorflow as tf

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays
from diptych.models import features
from diptych.models.dataset import read_dataset
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IMAGE_INPUT
from diptych.models.text.options import TextOptions
from diptych.models.training.memory import tune_process_memory

IMAGE = ImageOptions(height=128, width=128)
TEXT = TextOptions(max_features=None)
_SHARDS = 2


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes ``out/data-*.tfrecord`` and the Transform graph."""
    for shard in range(_SHARDS):
        with tf.io.TFRecordWriter(str(out / f"data-{shard}.tfrecord")) as writer:
            for number in range(shard, len(source.labels), _SHARDS):
                writer.write(features.encode_record(_record(source, number)))
    _write_graph(source, out / "graph")


def _record(source: ImageTextArrays, number: int) -> dict[str, object]:
    """A record as ImageTextExampleGen writes it, with invented measures of the image."""
    found: dict[str, object] = {
        name: {"bytes": b"x" * 16, "int64": 1000, "float": 0.5}[feature.kind]
        for name, feature in features.RECORD_FEATURES.items()
    }
    return found | {
        features.IMAGE: source.images[number].tobytes(),
        features.DESCRIPTION: source.texts[number],
        features.LABEL: f"label {source.labels[number]}",
    }


def _write_graph(source: ImageTextArrays, folder: Path) -> None:
    import apache_beam as beam
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    from diptych.models.text.preprocessing import TEXT_OPTIONS_KEY, preprocessing_fn

    column = tf.io.FixedLenFeature([1], tf.string)
    metadata = DatasetMetadata.from_feature_spec({features.DESCRIPTION: column, features.LABEL: column})
    rows = [
        {features.DESCRIPTION: [text], features.LABEL: [f"label {label}"]}
        for text, label in zip(source.texts, source.labels, strict=True)
    ]
    fn = partial(preprocessing_fn, custom_config={TEXT_OPTIONS_KEY: TEXT.model_dump_json()})
    context = tft_beam.Context(temp_dir=str(folder / "temp"))
    with context, beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        graph = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(fn)
        _ = graph | tft_beam.WriteTransformFn(str(folder))
        _ = metadata | tft_beam.WriteMetadata(str(folder / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline)


def decoder(out: Path) -> TransformGraphDecoder:
    """The decoder of the records."""
    import tensorflow_transform as tft

    return TransformGraphDecoder(tft.TFTransformOutput(str(out / "graph")), IMAGE, TEXT)


def files(out: Path) -> list[str]:
    """The pattern of the files that hold the records."""
    return [str(out / "data-*.tfrecord")]


def batches(out: Path) -> EpochReader:
    """Reads images, and with them ids and values of the texts and labels."""
    dataset = read_dataset(files(out), batch_size=BATCH_SIZE, decode=decoder(out))
    tune_process_memory()
    return EpochReader(dataset, lambda batch: batch[0][IMAGE_INPUT])
