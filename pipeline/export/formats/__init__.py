"""The dataset of a run in forms that other tools read."""

from __future__ import annotations

from collections.abc import Mapping

#: What a dataset can be exported to, and how it is read from there.
FORMATS: Mapping[str, str] = {
    "tfrecord": "tf.data.TFRecordDataset('{output}/train.tfrecords'); dataset.json tells shapes and sizes",
    "tfds": "tfds.builder_from_directory('{output}').as_dataset()",
    "webdataset": "webdataset.WebDataset(sorted(glob.glob('{output}/train-*.tar'))).decode('pil')",
    "parquet": "datasets.load_dataset('parquet', data_dir='{output}')",
}
