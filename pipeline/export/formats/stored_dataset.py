"""The dataset that a run stored, as the modules of the export formats read it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from diptych.components.artifacts import ACCOUNT_FILE
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.labels import Task
from diptych.models.natural_order import natural_key
from diptych.models.os_errors import naming
from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.runs.run_folder import EXAMPLES, REJECTS, TRANSFORM_GRAPH, RunFolder


class _Account(BaseModel):
    """The parts of ``account.json`` that an export needs."""

    examples: dict[str, int]
    labels: dict[str, dict[str, int]]
    image: ImageOptions
    descriptions: bool
    task: Task


@dataclass(frozen=True)
class StoredDataset:
    """The dataset of a run.

    Attributes:
        examples_uri: the folder of the Examples artifact.
        transform_uri: the folder of the Transform graph; None if the run did not reach Transform.
        image: the size and encoding of the images in the records.
        descriptions: whether the records hold descriptions, or are images alone.
        task: multiclass or multilabel.
        labels: the labels of all splits, in natural order: the order of ``label_id`` if train has all of them.
        examples: split to number of records.
    """

    examples_uri: str
    transform_uri: str | None
    image: ImageOptions
    descriptions: bool
    task: Task
    labels: tuple[str, ...]
    examples: Mapping[str, int]

    def files(self, split: str) -> list[str]:
        """The TFRecord files of a split, in order."""
        from diptych.models.tfrecords import list_split_files

        return list_split_files(self.examples_uri, split)


@dataclass(frozen=True)
class StoredExample:
    """One record, with its image as a file that every tool reads.

    Attributes:
        id: identity of the catalogue's row.
        image: the bytes of a PNG file with the record's pixels; of a JPEG file where the record holds one.
        ending: of the image file's name: ``png`` or ``jpg``.
        description: the text; None in a dataset of images alone.
        labels: one label, or of a multilabel dataset one or more.
        group: the examples of one group are all in one split; None if the example is in no group.
        split: ``train``, ``val`` or ``test``.
    """

    id: str
    image: bytes
    ending: Literal["png", "jpg"]
    description: str | None
    labels: tuple[str, ...]
    group: str | None
    split: str


def open_stored_dataset(run: str) -> StoredDataset:
    """The dataset of a run.

    Args:
        run: the folder of the run.

    Raises:
        ExportError: the run has none, or is of another version of Diptych.
        OSError: it cannot be read.
    """
    artifacts = RunFolder(run).recorded_artifacts()
    try:
        examples_uri = artifacts[EXAMPLES]
        path = os.path.join(artifacts[REJECTS], ACCOUNT_FILE)
        with naming(path), open(path, encoding="utf-8") as file:
            account = _Account.model_validate(json.load(file))
    except ValidationError:
        raise ExportError(f"the dataset of '{run}' is that of another version of Diptych: run it again") from None
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
        raise ExportError(
            f"'{run}' is no folder of a run that ingested its catalogue: name what diptych run got as --output"
        ) from None
    return StoredDataset(
        examples_uri=examples_uri,
        transform_uri=artifacts.get(TRANSFORM_GRAPH),
        image=account.image,
        descriptions=account.descriptions,
        task=account.task,
        labels=tuple(sorted(account.labels, key=natural_key)),
        examples=account.examples,
    )


def read_examples(file: str, split: str, dataset: StoredDataset) -> Iterator[StoredExample]:
    """The examples of one TFRecord file, in order.

    Args:
        file: one of ``dataset.files(split)``.

    Raises:
        ExportError: a record is not as Diptych writes it.
        tensorflow.errors.OpError: the file is damaged.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    from diptych.models.tfrecords import read_records

    for number, record in enumerate(read_records([file]).as_numpy_iterator(), start=1):
        try:
            example = _parse(tf.train.Example.FromString(record).features.feature, split, dataset)
        except (DecodeError, ValueError, IndexError, OSError) as error:
            raise ExportError(
                f"record {number} of '{file}' is none that Diptych wrote ({error}): run the run again"
            ) from None
        yield example


def _parse(record: Mapping[str, Any], split: str, dataset: StoredDataset) -> StoredExample:
    def texts(name: str) -> list[str]:
        return [value.decode() for value in record[name].bytes_list.value] if name in record else []

    image, ending = _image_file(record[features.IMAGE].bytes_list.value[0], dataset.image)
    group = next(iter(texts(features.GROUP)), None)
    (identity,) = texts(features.ID)
    (description,) = texts(features.DESCRIPTION) if dataset.descriptions else (None,)
    return StoredExample(identity, image, ending, description, tuple(texts(features.LABEL)), group, split)


def _image_file(stored: bytes, options: ImageOptions) -> tuple[bytes, Literal["png", "jpg"]]:
    """The bytes of an image file for a stored image, and the ending of its name.

    Every tool reads PNG, which keeps each pixel. JPEG stays as it is, for encoding it again would change its pixels.
    """
    from PIL import Image

    from diptych.components.catalogue.image_files import encode_pixels

    if options.encoding == "jpeg":
        return stored, "jpg"
    if options.encoding == "png":
        return stored, "png"
    if options.encoding == "raw":
        pixels = np.frombuffer(stored, np.uint8).reshape(options.height, options.width, 3)
    else:
        pixels = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"))
    return encode_pixels(pixels, options.model_copy(update={"encoding": "png"})), "png"
