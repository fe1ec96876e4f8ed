"""The formats that a dataset is exported to: a module for each, whose ``write`` writes the files."""

from __future__ import annotations

from collections.abc import Mapping

#: The name of each format, and how a person reads its files in the folder ``{output}``, which ``{pattern}`` matches.
FORMATS: Mapping[str, str] = {
    "tfrecord": "tf.data.TFRecordDataset('{output}/train.tfrecords'); dataset.json tells shapes and sizes",
    "tfds": "tfds.builder_from_directory('{output}').as_dataset()",
    "webdataset": "webdataset.WebDataset(sorted(glob.glob('{pattern}/train-*.tar'))).decode('pil')",
    "parquet": "datasets.load_dataset('parquet', data_dir='{output}')",
}
