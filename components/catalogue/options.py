"""The options of a catalogue: how it is read, and how its rows are rejected, de-duplicated, split and stored."""

from __future__ import annotations

import codecs
from math import isclose
from typing import Literal

from pydantic import Field, field_validator, model_validator

from diptych.models.features import SPLITS
from diptych.models.options import Options


class Columns(Options):
    """Names of the catalogue's columns, or of the fields that stand for columns in catalogues without any."""

    image: str = Field(
        "image",
        min_length=1,
        description="Path of the image file, relative to data.images_root, or the bytes of the image file.",
    )
    description: str = Field("description", min_length=1, description="The text that describes the image.")
    label: str = Field(
        "label", min_length=1, description="The class to learn; a row may have several, see data.label_separator."
    )
    id: str | None = Field(
        None,
        min_length=1,
        description="What identifies a row; a second row with the same id is rejected. Without it, the path of the "
        "image does.",
    )
    split: str | None = Field(
        None, min_length=1, description="Column that says train, val or test. Without it, Diptych splits the rows."
    )


class SplitRatios(Options):
    """Ratios of rows in the three splits; they add up to 1."""

    train: float = Field(0.8, gt=0, lt=1, description="What the network learns from.")
    val: float = Field(0.1, gt=0, lt=1, description="What says when training should stop.")
    test: float = Field(0.1, gt=0, lt=1, description="What the model is judged by.")

    @model_validator(mode="after")
    def _adds_up(self) -> SplitRatios:
        total = sum(getattr(self, split) for split in SPLITS)
        if not isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the shares of {', '.join(SPLITS)} must add up to 1, they add up to {total:g}")
        return self


DuplicatePolicy = Literal["keep", "together", "drop"]


class DuplicateOptions(Options):
    """What happens to images that look the same.

    ``keep`` treats them as any other row, ``together`` keeps them in one split, ``drop`` rejects all but the first.
    """

    exact: DuplicatePolicy = Field(
        "together",
        description="Images with equal stored pixels: keep, together (a row that also repeats description and labels "
        "is rejected), or drop.",
    )
    near: DuplicatePolicy = Field(
        "keep", description="Images whose perceptual hashes differ in at most 'distance' bits: keep, together or drop."
    )
    distance: int = Field(
        3, ge=0, le=15, description="Bits, of 64, in which the perceptual hashes of near duplicates differ at most."
    )


class Limits(Options):
    """Limits for one row; a row that exceeds one is rejected."""

    file_mb: float = Field(64, gt=0, description="Largest size of the image file, in megabytes (10^6 bytes).")
    pixels: int = Field(
        90_000_000, ge=1, description="Largest width times height of the image, as the file declares it."
    )
    min_side: int = Field(8, ge=1, description="Smallest width and height of the image, in pixels.")
    frames: int = Field(
        1000, ge=1, description="Most frames of an animation, of which the first is stored; 1 rejects every animation."
    )
    seconds: float = Field(20, gt=0, description="Longest time to decode one image, in seconds.")
    text_characters: int = Field(100_000, ge=1, description="Greatest length of the description, in characters.")

    @property
    def file_bytes(self) -> int:
        """``file_mb`` in bytes."""
        return int(self.file_mb * 1e6)


class FetchOptions(Options):
    """How files of an object store or web server are fetched."""

    attempts: int = Field(
        4,
        ge=1,
        description="How often a request is made that fails for a time, with growing pauses. A refusal is final.",
    )
    timeout_seconds: float = Field(30, gt=0, description="Timeout of one request, in seconds.")
    concurrency: int = Field(16, ge=1, description="Number of files that one worker fetches at a time.")


CatalogueFormat = Literal[
    "auto", "csv", "tsv", "jsonl", "json", "parquet", "folder", "imagefolder", "webdataset", "coco", "tfrecord"
]


class DataOptions(Options):
    """The catalogue, its columns and its splits."""

    catalogue: str = Field(
        min_length=1,
        description="A file, a pattern of files (*, {SPAN}, {VERSION}, {YYYY}-{MM}-{DD}) or a folder; local, or at "
        "gs://, s3://, https://.",
    )
    format: CatalogueFormat = Field(
        "auto", description="The kind of the catalogue; 'auto' finds it by name and content."
    )
    encoding: str = Field("utf-8", description="Encoding of text catalogues, as Python names it.")
    images_root: str | None = Field(
        None,
        description="Folder that image paths are relative to. Without it, that is the folder of the catalogue's file.",
    )
    columns: Columns = Columns()
    labels: list[str] | None = Field(
        None,
        min_length=1,
        description="The labels that are allowed; a row with another label is rejected. Without it, all are.",
    )
    label_separator: str | None = Field(
        None,
        min_length=1,
        description="Text between the labels of a row that has several; lists of labels are taken as they are, but "
        "need the setting too. Without it, a row has one label. Use it with train.task: multilabel.",
    )
    splits: SplitRatios = SplitRatios()
    split_by: str | None = Field(
        None,
        min_length=1,
        description="Column of groups: rows with equal values stay in one split. Without it, rows with equal pixels "
        "do.",
    )
    stratify: bool = Field(
        False,
        description="Split the rows of each label by the ratios, as nearly as possible. A row with several labels "
        "counts for the rarest of them. When rows are added later, a few others may change their split.",
    )
    duplicates: DuplicateOptions = DuplicateOptions()
    limits: Limits = Limits()
    fetch: FetchOptions = FetchOptions()
    schema_file: str | None = Field(
        None, description="A curated schema (protobuf text); without it, one is inferred from the data."
    )
    seed: int = Field(0, description="Another seed gives other splits.")
    shards: int | None = Field(
        None, ge=1, description="Number of TFRecord files per split. Without it, they hold about 128 MB each."
    )
    compression: Literal["none", "gzip"] = Field(
        "none", description="Compression of the TFRecord files; gzip is several times slower to write and to read."
    )
    processes: int | None = Field(
        None,
        ge=1,
        description="Number of processes that decode images in each Beam worker. Without it, one for each core.",
    )

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            return codecs.lookup(value).name
        except LookupError:
            raise ValueError("Python knows no such encoding; common ones are utf-8, utf-16, cp1252, latin-1") from None

    @property
    def used_columns(self) -> dict[str, str]:
        """The columns that the catalogue must have, by the names of their settings."""
        names = {f"data.columns.{key}": value for key, value in self.columns.model_dump().items() if value}
        return {**names, "data.split_by": self.split_by} if self.split_by else names
