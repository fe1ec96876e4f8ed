"""A few images of each label."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf
from PIL import Image

from components.report.contents import Sample
from models import features
from models.images import ImageOptions, decode_stored
from models.tfrecords import read_records

SAMPLES_PER_LABEL = 6

# A longer search for the last images of a rare label would read a large dataset whole.
_RECORDS_SEARCHED = 20_000
# Larger would make the page heavy: 72 images that no PNG compresses take 1.2 MB at this size.
_SIDE = 64


def read_samples(files: Sequence[str], labels: Mapping[str, int], image: ImageOptions) -> dict[str, list[Sample]]:
    """The first images of each label, in the order of the files.

    Args:
        files: TFRecord files of the record contract.
        labels: label to the number of its records, which bounds the search.
        image: how the images are stored.
    """
    missing = {label: min(count, SAMPLES_PER_LABEL) for label, count in labels.items()}
    picked: dict[str, list[Sample]] = {label: [] for label in labels}
    for record in _records(files):
        if not any(missing.values()):
            break
        example = tf.train.Example.FromString(record)
        if wanted := [label for label in _labels(example) if missing.get(label)]:
            sample = _sample(example, image)
            for label in wanted:
                missing[label] -= 1
                picked[label].append(sample)
    return {label: samples for label, samples in picked.items() if samples}


def _records(files: Sequence[str]) -> Iterable[bytes]:
    records: Iterable[bytes] = read_records(files).take(_RECORDS_SEARCHED).as_numpy_iterator()
    return records


def _bytes(example: tf.train.Example, name: str) -> bytes:
    return bytes(example.features.feature[name].bytes_list.value[0])


def _text(example: tf.train.Example, name: str) -> str:
    return _bytes(example, name).decode(errors="replace")


def _labels(example: tf.train.Example) -> list[str]:
    return [value.decode(errors="replace") for value in example.features.feature[features.LABEL].bytes_list.value]


def _sample(example: tf.train.Example, image: ImageOptions) -> Sample:
    pixels = decode_stored(tf.constant([_bytes(example, features.IMAGE)]), image)[0].numpy()
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return Sample(
        id=_text(example, features.ID),
        description=_text(example, features.DESCRIPTION),
        png=file.getvalue(),
        width=picture.width,
        height=picture.height,
    )
