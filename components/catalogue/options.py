"""The options of a catalogue: how it is read, and how its rows are rejected, de-duplicated, split and stored."""

from __future__ import annotations

import codecs
from math import isclose
from typing import Literal

from pydantic import Field, field_validator, model_validator

from diptych.components.catalogue.templates import template_columns
from diptych.models.features import SPLITS, TRAIN
from diptych.models.machine_memory import count_memory
from diptych.models.options import Options

# What the record of a row takes at most while duplicates and splits are found in memory (benchmarks.splits).
_BYTES_PER_ROW = 600


class Columns(Options):
    """Names of the catalogue's columns, or of the fields that stand for columns in catalogues without any.

    In a table without a header, a column's name is its number, from 1. A name with dots that is no column leads into
    nested objects: ``meta.label``. A *template* such as ``images/{id}.jpg`` is made of other columns.
    """

    image: str = Field(
        "image",
        min_length=1,
        description="Path of the image file, relative to data.images_root, or the bytes of the image file; or a "
        "template of the path, such as 'images/{id}.jpg', or 'images/{id:06d}.jpg' for a number of six digits.",
    )
    description: str | None = Field(
        "description",
        min_length=1,
        description="The text that describes the image, or a template such as '{title}. {brand}', whose empty parts "
        "are left out; null for a model of images alone.",
    )
    label: str | list[str] = Field(
        "label",
        min_length=1,
        description="The class to learn; or the list of one-hot columns, whose names are the classes; or, with "
        "data.label_separator, a template of columns such as '{label1}|{label2}'. A row may have several, see "
        "data.several_labels.",
    )
    id: str | None = Field(
        None,
        min_length=1,
        description="What identifies a row; a second row with the same id is rejected. Without it, the path of the "
        "image does.",
    )
    split: str | None = Field(
        None,
        min_length=1,
        description="Column that says train, val or test, also by other names (dev, holdout), or is_valid with true "
        "and false. Without it, names of files and folders may declare the split, see data.declared_splits.",
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
        description="Equal images: keep, together (a row that also repeats description and labels "
        "is rejected), or drop.",
    )
    near: DuplicatePolicy = Field(
        "keep", description="Images whose perceptual hashes differ in at most 'distance' bits: keep, together or drop."
    )
    distance: int = Field(
        3, ge=0, le=15, description="Bits, of 64, in which the perceptual hashes of near duplicates differ at most."
    )


class Limits(Options):
    """Limits for one row, and for copies; a row that exceeds one is rejected, or the catalogue refused."""

    file_mb: float = Field(64, gt=0, description="Largest size of the image file, in megabytes (10^6 bytes).")
    memory_mb: float = Field(
        800,
        ge=16,
        description="Most memory that decoding an image may take, in megabytes, as it is computed from the file's "
        "header; and that reading a row, or a page or batch of rows, of the catalogue may take.",
    )
    scratch_gb: float = Field(
        50,
        gt=0,
        description="Most space on the disk that copies of the catalogue may take while it is read, in gigabytes (10^9 "
        "bytes): of compressed files, JSON documents, spreadsheets, and others that can only be read from their start; "
        "and a copy of a file whose web server sends no parts of files.",
    )
    rows_in_memory: int | None = Field(
        None,
        ge=1,
        description="Most records whose duplicates, splits and shards are found in memory, which is faster; of more, "
        "they are found with files and bounded memory, and are the same. Without it, as many as a quarter of the "
        "machine's memory, or of the container's limit, holds.",
    )
    min_side: int = Field(8, ge=1, description="Smallest width and height of the image, in pixels.")
    frames: int = Field(
        1000, ge=1, description="Most frames of an animation, of which the first is stored; 1 rejects every animation."
    )
    seconds: float = Field(20, gt=0, description="Longest time to decode one image, in seconds.")
    text_characters: int = Field(100_000, ge=1, description="Greatest length of the description, in characters.")

    @property
    def most_rows_in_memory(self) -> int:
        """``rows_in_memory``, or what a quarter of this machine's memory holds."""
        return self.rows_in_memory or count_memory() // (4 * _BYTES_PER_ROW)

    @property
    def file_bytes(self) -> int:
        """``file_mb`` in bytes."""
        return int(self.file_mb * 1e6)

    @property
    def memory_bytes(self) -> int:
        """``memory_mb`` in bytes."""
        return int(self.memory_mb * 1e6)

    @property
    def scratch_bytes(self) -> int:
        """``scratch_gb`` in bytes."""
        return int(self.scratch_gb * 1e9)

    @property
    def row_characters(self) -> int:
        """Most characters of a row's text: in buffers, and as values, each may take up to 40 bytes."""
        return self.memory_bytes // 40

    @property
    def row_values(self) -> int:
        """Most values in a row, each of which may take 100 bytes in each of several forms."""
        return self.memory_bytes // 800


class FetchOptions(Options):
    """How files of an object store or web server are fetched."""

    attempts: int = Field(
        4,
        ge=1,
        description="How often a request is made that fails for a time, with growing pauses. A refusal is final.",
    )
    timeout_seconds: float = Field(30, gt=0, description="Timeout of one request, in seconds.")
    concurrency: int = Field(32, ge=1, description="Number of files that one worker fetches at a time.")


class TableOptions(Options):
    """How a table of text is parted into rows and fields."""

    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="Character between fields. Without it, what a line 'sep=;' at the start says, else the comma, or "
        "in .tsv the tab.",
    )
    quote: str = Field('"', max_length=1, description="Character around fields; empty if fields have no quotes.")
    escape: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="Character that takes the meaning from the next one. Without it, a quote in a field is doubled.",
    )
    skip_initial_space: bool = Field(False, description="Whether spaces after a delimiter are no part of the field.")
    comment: str | None = Field(None, min_length=1, description="Lines that begin with it are no rows.")
    skip_lines: int = Field(0, ge=0, description="Number of lines before the header, or before the first row.")
    header: bool = Field(
        True, description="Whether the first line names the columns; without a header, columns are named 1, 2, 3 ..."
    )
    last_field: Literal["exact", "rest"] = Field(
        "exact",
        description="'rest': the last field is all that is left of the line, delimiters and all; for texts without "
        "quotes.",
    )
    unnamed_field: Literal["none", "first", "last"] = Field(
        "none",
        description="Where rows have one field more than the header: the 'first' is a row name, as R writes them, or "
        "the 'last' is empty, after a delimiter at the end of each line.",
    )
    sheet: str | None = Field(
        None, min_length=1, description="Sheet of a spreadsheet. Without it, its only sheet that holds anything."
    )
    records: str | None = Field(
        None, min_length=1, description="Where in a JSON document the rows are, as a dotted path: 'result.items'."
    )

    @model_validator(mode="after")
    def _is_unambiguous(self) -> TableOptions:
        signs = [sign for sign in (self.delimiter, self.quote, self.escape) if sign]
        if len(set(signs)) < len(signs) or set(signs) & set("\r\n"):
            raise ValueError("delimiter, quote and escape must differ from each other, and be no line end")
        if self.last_field == "rest" and (self.quote or self.escape):
            raise ValueError("last_field: rest is for fields without quotes: say quote: '', and no escape")
        if self.unnamed_field != "none" and (self.last_field == "rest" or not self.header):
            raise ValueError("unnamed_field is for a header that lacks a name, and not for last_field: rest")
        return self


class PathOptions(Options):
    """How the image paths of rows lead to files."""

    endings: list[str] = Field(
        [],
        description="Endings such as .jpg that are added to a path, tried in this order, until there is such a file.",
    )
    replace: dict[str, str] = Field(
        {},
        description="What stands in the place of a path's prefix; the longest prefix that fits counts. An empty text "
        "strips it.",
    )
    several: Literal["reject", "first", "all"] = Field(
        "reject",
        description="What becomes of a row with several images: it is rejected, its first image counts, or each image "
        "makes a row. Images of one row share a split.",
    )
    separator: str | None = Field(None, min_length=1, description="Text between the paths of a row that has several.")


CatalogueFormat = Literal[
    "auto",
    "csv",
    "tsv",
    "jsonl",
    "json",
    "xlsx",
    "ods",
    "parquet",
    "arrow",
    "folder",
    "imagefolder",
    "webdataset",
    "coco",
    "tfrecord",
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
    table: TableOptions = TableOptions()
    paths: PathOptions = PathOptions()
    class_folder: Literal["top", "leaf", "path"] = Field(
        "top",
        description="Which folder of nested class folders is the label: the top one, the one that holds the image, or "
        "the path of all of them.",
    )
    null_values: list[str] = Field(
        [],
        description="Texts or numbers that stand for no value, such as NULL, -1 or \\N: such a cell counts as empty. "
        "Spaces around them make no difference. YAML's own null stands for NULL, Null and null.",
    )
    missing_descriptions: Literal["reject", "keep"] = Field(
        "reject", description="Whether a row without a description is rejected, or kept with an empty one."
    )
    labels: list[str] | None = Field(
        None,
        min_length=1,
        description="The labels that are allowed; a row with another label is rejected. Without it, all are.",
    )
    class_names: str | dict[str, str] | None = Field(
        None,
        min_length=1,
        description="Names of labels that are numbers or one-hot columns, such as {0: cat, 1: dog}; or a file of them "
        "in the catalogue's folder, such as classes.txt: a name on each line, from number 0, or a number and its name. "
        "A row with another label is rejected, and -1 is no label.",
    )
    several_labels: bool = Field(
        False,
        description="Whether a row may have several labels: a list in its cell, also one written as JSON or as Python "
        "does, or several one-hot columns. The task is then multilabel.",
    )
    label_separator: str | None = Field(
        None,
        min_length=1,
        description="Text between the labels of a row that has several; implies data.several_labels.",
    )
    splits: SplitRatios = SplitRatios()
    declared_splits: Literal["auto", "ignore"] = Field(
        "auto",
        description="Whether names of files and folders such as train/, val-00000-of-00005.parquet or test.csv declare "
        "the split of their rows. A split that nothing declares is taken from train.",
    )
    straddling: Literal["report", "move", "drop"] = Field(
        "report",
        description="What becomes of equal images, and of groups, that lie in several declared splits: the data gate "
        "reports them; all of them move to the split that is judged last (test, val, train); or they are dropped from "
        "the others.",
    )
    split_by: str | None = Field(
        None,
        min_length=1,
        description="Column of groups: rows with equal values stay in one split. Without it, rows of equal images do.",
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

    @field_validator("null_values", mode="before")
    @classmethod
    def _null_is_text(cls, value: object) -> object:
        # YAML reads [NULL, -1] as nothing and a number.
        if not isinstance(value, list):
            return value
        spelt = [["NULL", "Null", "null"] if item is None else [item] for item in value]
        return [str(item) if type(item) is int else item for items in spelt for item in items]

    @field_validator("class_names", mode="before")
    @classmethod
    def _keys_are_texts(cls, value: object) -> object:
        # YAML reads the keys of {0: cat} as numbers.
        return {str(key): str(name) for key, name in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _splits_agree(self) -> DataOptions:
        if self.declared_splits == "ignore" and self.columns.split:
            raise ValueError(
                "declared_splits: ignore reads no declared split, but columns.split names a column of them; "
                "leave one out"
            )
        if self.straddling == "report":
            return self
        if self.declared_splits == "ignore":
            raise ValueError(
                f"straddling: {self.straddling} is about declared splits, which declared_splits: ignore does not read; "
                "leave one out"
            )
        if self.duplicates.exact == "keep" and not self.split_by:
            raise ValueError(
                f"straddling: {self.straddling} is about equal images, which duplicates.exact: keep takes for "
                "different rows; leave one out"
            )
        return self

    @property
    def has_several_labels(self) -> bool:
        """Whether a row may have several labels."""
        return self.several_labels or self.label_separator is not None

    @property
    def used_columns(self) -> dict[str, str]:
        """The columns that the catalogue must have, each with the setting that names it."""
        named = {f"data.columns.{key}": value for key, value in self.columns.model_dump().items()}
        found: dict[str, str] = {}
        for setting, value in {**named, "data.split_by": self.split_by}.items():
            for name in value if isinstance(value, list) else [value] if value else []:
                found |= dict.fromkeys(template_columns(name) or [name], setting)
        return found

    @property
    def wanted_names(self) -> set[str]:
        """The columns that the catalogue must have, and the objects that those with dotted names lie in."""
        parts = [column.split(".") for column in self.used_columns]
        return {".".join(path[:end]) for path in parts for end in range(1, len(path) + 1)}

    @property
    def optional_columns(self) -> frozenset[str]:
        """Those of ``used_columns`` that the catalogue may lack."""
        return frozenset()


class PartOptions(DataOptions):
    """The options of a source whose name declares the split of its rows."""

    part: str = Field(description="The split.")

    @property
    def optional_columns(self) -> frozenset[str]:
        """The column of the split; and that of the label, unless rows are learned from."""
        label = self.columns.label
        labels = [] if self.part == TRAIN else [label] if isinstance(label, str) else label
        return frozenset(labels + [self.columns.split or ""])


def part_options(data: DataOptions, part: str) -> PartOptions:
    """The options of a source that is a part of the catalogue, such as test."""
    return PartOptions.model_construct(**dict(data), part=part)
