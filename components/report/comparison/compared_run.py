"""What a comparison knows of a run, or of a pushed model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from diptych.components.report.report_data import ReportData
from diptych.models.images.options import ImageOptions


class DatasetRow(NamedTuple):
    """A row of a dataset without its pixels.

    Attributes:
        place: the index of its record in the split.
        labels: in ascending order.
        image: SHA-256 of the image file, hexadecimal.
    """

    split: str
    place: int
    labels: tuple[str, ...]
    description: str
    image: str


#: The id of a row of test to the labels that a model predicts for it, ascending.
PredictedLabels = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class StoredDataset:
    """A dataset as it is stored.

    Attributes:
        examples: the folder of the Examples.
        image: how the images are stored.
        has_texts: whether the rows have descriptions.
        digest: equal for equal datasets; empty if it is damaged.
        rows: id to row; of a very large dataset those of test alone.
        is_whole: whether ``rows`` are all rows.
    """

    examples: str
    image: ImageOptions
    has_texts: bool
    digest: str
    rows: Mapping[str, DatasetRow]
    is_whole: bool = True


@dataclass(frozen=True)
class ComparedRun:
    """One side of a comparison.

    Attributes:
        name: what the user called it.
        data: what a report shows; of a pushed model nothing.
        settings: section to key to value; of a pushed model those that its card keeps; empty if nothing keeps them.
        versions: library to version.
        dataset: None if there is none that can be read.
        predictions: None if they are unknown.
        model: the folder of the SavedModel; empty if there is none.
        weights: SHA-256 of its weights; empty if they are unknown.
        is_pushed: whether it is a pushed model without a run.
        notes: what it lacks, and how its predictions came to be, to be read after its name.
    """

    name: str
    data: ReportData
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    dataset: StoredDataset | None = None
    predictions: PredictedLabels | None = None
    model: str = ""
    weights: str = ""
    is_pushed: bool = False
    notes: Sequence[str] = ()
