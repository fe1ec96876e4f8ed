"""What many tests need: small images, catalogues, records and Transform graphs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.components.catalogue.options import DataOptions
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.labels import LabelOptions
from diptych.models.text.options import TextOptions, serialize_text_options
from diptych.models.text.preprocessing import LABEL_OPTIONS_KEY, TASK_KEY, TEXT_OPTIONS_KEY, preprocessing_fn

SMALL = ImageOptions(height=8, width=10)
IN_PROCESS = "--runner=FnApiRunner"


def noise(seed: int, height: int = 12, width: int = 14) -> np.ndarray:
    """uint8 ``[height, width, 3]``, other pixels for another seed."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def as_file(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_image(path: Path, seed: int) -> None:
    """A PNG file of ``noise(seed)``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_file(noise(seed)))


def write_catalogue(folder: Path, rows: Sequence[Mapping[str, str]], **options: Any) -> DataOptions:
    """``catalogue.csv`` in the folder, with the columns of the first row, and its options."""
    path = folder / "catalogue.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return DataOptions(catalogue=str(path), **options)


def record_values(number: int, **changes: Any) -> dict[str, Any]:
    """A whole record of the contract, with an image of the size in ``SMALL``."""
    values = {
        features.ID: f"row-{number}",
        features.IMAGE: noise(number, SMALL.height, SMALL.width).tobytes(),
        features.DESCRIPTION: f"text {number}",
        features.LABEL: "odd" if number % 2 else "even",
        features.ENCODING: SMALL.encoding,
        features.SHA256: f"{number:064x}",
        features.PHASH: -number,
        features.WIDTH: SMALL.width,
        features.HEIGHT: SMALL.height,
        features.FORMAT: "PNG",
        features.FILE_BYTES: 100,
        features.BRIGHTNESS: 120.0,
        features.CONTRAST: 30.0,
        features.SHARPNESS: 10.0,
        features.ENTROPY: 5.0,
    }
    return {**values, **changes}


def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    """A TFRecord file of the contract's records."""
    import tensorflow as tf

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for values in records:
            writer.write(features.encode_record(values))
    return path


def fit_transform_graph(
    folder: Path,
    texts: Sequence[str],
    labels: Sequence[Any],
    options: TextOptions | None,
    task: str = "multiclass",
    label_options: LabelOptions | None = None,
) -> Any:
    """The ``tft.TFTransformOutput`` that Transform would write for these rows.

    Args:
        labels: texts; for multilabel sequences of texts.
        options: how texts are encoded; None if the rows have none.
    """
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    column = tf.io.FixedLenFeature([1], tf.string)
    label_column = tf.io.VarLenFeature(tf.string) if task == "multilabel" else column
    text_column = {features.DESCRIPTION: column} if options else {}
    metadata = DatasetMetadata.from_feature_spec({**text_column, features.LABEL: label_column})
    listed = [[label] if isinstance(label, str) else list(label) for label in labels]
    columns = [[{features.DESCRIPTION: [text]} for text in texts] if options else [{}] * len(listed), listed]
    rows = [{**text, features.LABEL: label} for text, label in zip(*columns, strict=True)]
    config = {
        TEXT_OPTIONS_KEY: serialize_text_options(options),
        LABEL_OPTIONS_KEY: (label_options or LabelOptions()).model_dump_json(),
        TASK_KEY: task,
    }
    fn = partial(preprocessing_fn, custom_config=config)
    with tft_beam.Context(temp_dir=str(folder / "temp")), beam.Pipeline(argv=[IN_PROCESS]) as pipeline:
        graph = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(fn)
        _ = graph | tft_beam.WriteTransformFn(str(folder))
        _ = metadata | tft_beam.WriteMetadata(str(folder / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline)
    return tft.TFTransformOutput(str(folder))
