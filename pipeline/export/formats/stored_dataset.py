"""The dataset that a run stored, as those who write it anew want it."""

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
from diptych.models.errors import DiptychError
from diptych.models.images.options import ImageOptions
from diptych.models.labels import Task
from diptych.pipeline.runs.run_folder import EXAMPLES, REJECTS, TRANSFORM_GRAPH, RunFolder


class ExportError(DiptychError):
    """The dataset cannot be exported; the message says why and what to do."""


class _Account(BaseModel):
    """Of ``account.json``, what an export needs."""

    examples: dict[str, int]
    labels: dict[str, dict[str, int]]
    image: ImageOptions
    task: Task


@dataclass(frozen=True)
class Stored:
    """The dataset of a run.

    Attributes:
        examples_uri: the folder of its records.
        transform_uri: that of Transform's graph; None where the run did not get there.
        image: how the records hold images.
        labels: of all splits, sorted by name, which is the order of ``label_id`` where training has all of them.
        examples: split to number of records.
    """

    examples_uri: str
    transform_uri: str | None
    image: ImageOptions
    task: Task
    labels: tuple[str, ...]
    examples: Mapping[str, int]

    def files(self, split: str) -> list[str]:
        """The TFRecord files of a split, in order."""
        from diptych.models.tfrecords import list_split_files

        return list_split_files(self.examples_uri, split)


@dataclass(frozen=True)
class Item:
    """One example.

    Attributes:
        image: the bytes of a PNG file, or of a JPEG file where the record holds one; its pixels are the record's.
        ending: ``png`` or ``jpg``.
        labels: one, or of a multilabel record at least one.
        group: what a split must not part; None without.
    """

    id: str
    image: bytes
    ending: Literal["png", "jpg"]
    description: str
    labels: tuple[str, ...]
    group: str | None
    split: str


def find_stored(run: str) -> Stored:
    """The dataset of the run in a folder.

    Raises:
        ExportError: there is none.
    """
    artifacts = RunFolder(run).recorded_artifacts()
    try:
        examples_uri = artifacts[EXAMPLES]
        with open(os.path.join(artifacts[REJECTS], ACCOUNT_FILE), encoding="utf-8") as file:
            account = _Account.model_validate(json.load(file))
    except ValidationError:
        raise ExportError(f"the dataset of '{run}' is that of another version of Diptych: run it again") from None
    except (OSError, ValueError, KeyError):
        raise ExportError(
            f"'{run}' is no folder of a run that ingested its catalogue: name what diptych run got as --output"
        ) from None
    return Stored(
        examples_uri=examples_uri,
        transform_uri=artifacts.get(TRANSFORM_GRAPH),
        image=account.image,
        task=account.task,
        labels=tuple(sorted(account.labels)),
        examples=account.examples,
    )


def read_items(file: str, split: str, stored: Stored) -> Iterator[Item]:
    """The examples of one TFRecord file, in order.

    Raises:
        ExportError: a record is not as Diptych writes it.
        OpError: the file is damaged.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    from diptych.models.tfrecords import read_records

    for number, record in enumerate(read_records([file]).as_numpy_iterator(), start=1):
        try:
            item = _item(tf.train.Example.FromString(record).features.feature, split, stored.image)
        except (DecodeError, ValueError, IndexError, OSError) as error:
            raise ExportError(
                f"record {number} of '{file}' is none that Diptych wrote ({error}): run the run again"
            ) from None
        yield item


def _item(record: Mapping[str, Any], split: str, options: ImageOptions) -> Item:
    def texts(name: str) -> list[str]:
        return [value.decode() for value in record[name].bytes_list.value] if name in record else []

    image, ending = _image_file(record[features.IMAGE].bytes_list.value[0], options)
    group = next(iter(texts(features.GROUP)), None)
    (identity,), (description,) = texts(features.ID), texts(features.DESCRIPTION)
    return Item(identity, image, ending, description, tuple(texts(features.LABEL)), group, split)


def _image_file(stored: bytes, options: ImageOptions) -> tuple[bytes, Literal["png", "jpg"]]:
    """Lossless images as PNG, which every tool reads; a JPEG file as it is, for another one would lose more."""
    from PIL import Image

    from diptych.components.catalogue.image_files import encode

    if options.encoding == "jpeg":
        return stored, "jpg"
    if options.encoding == "png":
        return stored, "png"
    if options.encoding == "raw":
        pixels = np.frombuffer(stored, np.uint8).reshape(options.height, options.width, 3)
    else:
        pixels = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"))
    return encode(pixels, options.model_copy(update={"encoding": "png"})), "png"
