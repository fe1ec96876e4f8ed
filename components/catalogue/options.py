"""What the catalogue is and how it is read, refused, de-duplicated, split and written."""

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
        "image", min_length=1, description="Path of the image, relative to data.images_root, or the image's bytes."
    )
    description: str = Field("description", min_length=1, description="The text that describes the image.")
    label: str = Field("label", min_length=1, description="The class to learn; of several, see data.label_separator.")
    id: str | None = Field(None, min_length=1, description="Row identity, given once; without it, the image path.")
    split: str | None = Field(
        None, min_length=1, description="Column that says train, val or test; without it, Diptych splits."
    )


class SplitRatios(Options):
    """Shares of the three splits; they add up to 1."""

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
        "together", description="Equal pixels as stored: keep, together (also rejects a row that repeats all), or drop."
    )
    near: DuplicatePolicy = Field(
        "keep", description="Perceptual hashes at most 'distance' apart: keep, together, drop."
    )
    distance: int = Field(3, ge=0, le=15, description="Differing bits, of 64, up to which two images are near.")


class Limits(Options):
    """What one row may cost; a row beyond a limit is rejected."""

    file_mb: float = Field(64, gt=0, description="Size of the image file, in megabytes (10^6 bytes).")
    pixels: int = Field(90_000_000, ge=1, description="Width times height that the file declares.")
    min_side: int = Field(8, ge=1, description="Least width and height, in pixels.")
    frames: int = Field(1000, ge=1, description="Frames of an animation, of which the first is taken; 1 refuses any.")
    seconds: float = Field(20, gt=0, description="Time to decode one image.")
    text_characters: int = Field(100_000, ge=1, description="Length of the description.")

    @property
    def file_bytes(self) -> int:
        """``file_mb`` in bytes."""
        return int(self.file_mb * 1e6)


class FetchOptions(Options):
    """How files of an object store or web server are fetched."""

    attempts: int = Field(4, ge=1, description="Tries of one file, with growing pauses; a refusal is not tried again.")
    timeout_seconds: float = Field(30, gt=0, description="Of one try.")
    concurrency: int = Field(16, ge=1, description="Files that one worker fetches at a time.")


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
    format: CatalogueFormat = Field("auto", description="What the catalogue is; 'auto' goes by its name and content.")
    encoding: str = Field("utf-8", description="Encoding of text catalogues, as Python names it.")
    images_root: str | None = Field(None, description="Folder of the image paths; without it, the catalogue's.")
    columns: Columns = Columns()
    labels: list[str] | None = Field(
        None,
        min_length=1,
        description="The labels there are; another one rejects its row. Without it, any label is one.",
    )
    label_separator: str | None = Field(
        None,
        min_length=1,
        description="What stands between the labels of a row that has several; lists of labels are taken as they are. "
        "Without it, a row has one label. It goes with train.task: multilabel.",
    )
    splits: SplitRatios = SplitRatios()
    split_by: str | None = Field(
        None, min_length=1, description="Column whose equal values stay in one split; without it, equal pixels do."
    )
    stratify: bool = Field(
        False,
        description="Give each label the splits' shares as nearly as its rows allow; rows added later may move few. A "
        "row of several labels counts for the rarest of them.",
    )
    duplicates: DuplicateOptions = DuplicateOptions()
    limits: Limits = Limits()
    fetch: FetchOptions = FetchOptions()
    schema_file: str | None = Field(
        None, description="A curated schema (protobuf text); without it, one is inferred from the data."
    )
    seed: int = Field(0, description="Another seed gives another split.")
    shards: int | None = Field(None, ge=1, description="TFRecord files per split; without it, about 128 MB each.")
    compression: Literal["none", "gzip"] = Field(
        "none", description="Of the TFRecord files; gzip is several times slower to write and to read."
    )
    processes: int | None = Field(
        None, ge=1, description="Processes that decode images, in each Beam worker; without it, one for each core."
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
        """Setting name to column name, of every column the catalogue must have."""
        names = {f"data.columns.{key}": value for key, value in self.columns.model_dump().items() if value}
        return {**names, "data.split_by": self.split_by} if self.split_by else names
