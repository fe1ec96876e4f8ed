"""The data of a report, whatever files they were read from. The page is rendered from these classes alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, Field

from diptych.components.declared_account import DeclaredAccount
from diptych.components.report.gallery_rows import RowGallery
from diptych.models.statistics.row_predictions import CalibrationBin
from diptych.models.step_usage import StepUsage

#: Metric to value.
Metrics = Mapping[str, float]

#: Figure to run (``train``, ``validation``) to pairs of epoch and value.
TrainingCurves = Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]


class Account(BaseModel):
    """``account.json``: what became of the rows of the catalogue. Each is an example or a reject.

    Attributes:
        examples: split to number of examples.
        rejects: reason to number of rows.
        labels: label to split to number of examples.
        declared: the splits that the catalogue declares, or None.
        descriptions: whether the examples have descriptions, or are images alone.
    """

    rows: int
    examples: dict[str, int]
    rejects: dict[str, int]
    labels: dict[str, dict[str, int]] = {}
    declared: DeclaredAccount | None = None
    descriptions: bool = True


class RejectedRow(BaseModel):
    """A line of ``rejects.jsonl``; ``row`` counts from 1."""

    source: str = ""
    row: int
    id: str = ""
    image: str = ""
    reason: str
    detail: str = ""


class Finding(BaseModel):
    """A finding of the data gate.

    Attributes:
        rule: the rule that found it.
        severity: whether it stops the run.
        measured: the value of ``formula``.
        formula: the name of what was measured.
        threshold: the largest value that is allowed.
        ids: ids of some rows that show it.
    """

    rule: str = "finding"
    severity: Literal["warn", "stop"] = "warn"
    feature: str | None = None
    split: str | None = None
    measured: float | None = None
    formula: str | None = None
    threshold: float | None = None
    message: str
    ids: list[str] = []


class GateRule(BaseModel):
    """A rule of the data gate.

    Attributes:
        rule: its key in the settings.
        looks_for: a sentence.
        applied: whether it was looked for.
        severity: what a finding does to the run.
        limits: its other options by key.
    """

    rule: str
    looks_for: str
    applied: bool
    severity: Literal["ignore", "warn", "stop"]
    limits: dict[str, int | float | str]


class Verdict(BaseModel):
    """``verdict.json`` of the data gate."""

    passed: bool
    findings: list[Finding]
    rules: list[GateRule] = []


class Comparison(BaseModel):
    """How another model did on the rows that the network is measured on.

    Attributes:
        intervals: metric to lower and upper bound; empty if the model's rows are unknown, as are those below.
        differences: metric to what the network has more.
        difference_intervals: metric to lower and upper bound of the difference.
    """

    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    differences: dict[str, float] = {}
    difference_intervals: dict[str, tuple[float, float]] = {}


class Decision(BaseModel):
    """``decision.json`` of the Evaluator.

    Attributes:
        metrics: the network's metrics on the test split, and ``examples``, their number.
        intervals: metric to lower and upper bound.
        confidence: of all intervals.
        comparisons: the name of each model that the network is compared with to how it did.
        reasons: why it is blessed or not, in sentences.
        notes: what else must be known to judge by the metrics, in sentences.
        slices: slice (``""`` is the whole split, else ``feature=value``) to metrics.
        last_blessed_slices: the same of the last blessed model; empty if it was not compared with.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = {}
    confidence: float = 0.95
    comparisons: dict[str, Comparison] = {}
    reasons: list[str]
    notes: list[str] = []
    slices: dict[str, dict[str, float]]
    last_blessed_slices: dict[str, dict[str, float]] = {}


@dataclass(frozen=True)
class Anomaly:
    """A violation of the schema in a split; ``severity`` is ``ERROR`` or ``WARNING``, as TFDV names them."""

    split: str
    feature: str
    severity: str
    summary: str
    detail: str


@dataclass(frozen=True)
class SchemaFeature:
    """A feature of the schema, described in words.

    Attributes:
        presence: how many records must hold a value.
        values: how many values a record may hold.
        domain: which values are allowed; empty if all are.
    """

    feature: str
    type: str
    presence: str
    values: str
    domain: str


@dataclass(frozen=True)
class HistogramBucket:
    """``count`` values are between ``low`` and ``high``. TFDV interpolates, so the count may be a fraction."""

    low: float
    high: float
    count: float


@dataclass(frozen=True)
class NumericStatistics:
    """The values of a numeric feature in a split."""

    mean: float
    std: float
    min: float
    median: float
    max: float
    histogram: tuple[HistogramBucket, ...] = ()


@dataclass(frozen=True)
class StringStatistics:
    """The values of a bytes feature in a split.

    Attributes:
        unique: number of distinct values.
        counts: value to number of records, most frequent first; of many values only the most frequent ones.
    """

    unique: int
    counts: Mapping[str, int]

    def count(self, value: str) -> int | None:
        """How often a value occurs; None if it may be one of those that ``counts`` leaves out."""
        return self.counts.get(value, 0 if len(self.counts) >= self.unique else None)


@dataclass(frozen=True)
class FeatureStatistics:
    """A feature in a split: the number of records with a value, of those without, and the values."""

    count: int
    missing: int
    numbers: NumericStatistics | None = None
    strings: StringStatistics | None = None


#: Feature to split to its statistics.
DatasetStatistics = Mapping[str, Mapping[str, FeatureStatistics]]


@dataclass(frozen=True)
class Thumbnail:
    """A small picture: the bytes of a WebP file of ``width`` x ``height`` pixels."""

    webp: bytes
    width: int
    height: int


@dataclass(frozen=True)
class DisplayedRow:
    """A row that the page shows with its picture; ``note`` says why, if there is more to say than its texts.

    The description is empty in a dataset of images alone.
    """

    id: str
    split: str
    label: str
    description: str
    note: str = ""
    thumbnail: Thumbnail | None = None


@dataclass(frozen=True)
class ExtremeRows:
    """The rows with the lowest and the highest values of a feature."""

    feature: str
    lowest: Sequence[DisplayedRow]
    highest: Sequence[DisplayedRow]


@dataclass(frozen=True)
class DuplicateGroup:
    """Rows of equal or similar images.

    Attributes:
        rows: number of rows.
        splits: the splits that they are in.
        labels: all labels that they have.
        displayed: some of the rows.
    """

    rows: int
    splits: Sequence[str]
    labels: Sequence[str]
    displayed: Sequence[DisplayedRow]


@dataclass(frozen=True)
class DuplicateSummary:
    """All groups of equal or of similar images.

    Attributes:
        kind: ``exact`` or ``near``.
        groups: number of groups.
        rows: number of rows in all groups.
        across_splits: number of groups that are in several splits.
        displayed: some of the groups.
    """

    kind: str
    groups: int
    rows: int
    across_splits: int
    displayed: Sequence[DuplicateGroup]


@dataclass(frozen=True)
class TextProfile:
    """What the descriptions are like.

    Attributes:
        lengths: split to histogram of the numbers of characters.
        terms: split to its most frequent terms with their counts.
        terms_by_label: label to its most characteristic terms, with the number of its rows that have them.
        unknown_share: split to the share of its terms that the vocabulary of train lacks.
        scripts: split to script to its share of the letters.
        empty: split to number of empty descriptions.
        repeated: the most repeated descriptions with their numbers of rows.
    """

    lengths: Mapping[str, Sequence[HistogramBucket]]
    terms: Mapping[str, Mapping[str, int]]
    terms_by_label: Mapping[str, Mapping[str, int]]
    unknown_share: Mapping[str, float]
    scripts: Mapping[str, Mapping[str, float]]
    empty: Mapping[str, int]
    repeated: Mapping[str, int]


@dataclass(frozen=True)
class GroupProfile:
    """The groups of the rows.

    Attributes:
        groups: number of groups.
        rows: number of rows that have a group.
        largest: number of rows of the largest group.
        across_splits: some groups that are in several splits, which must not be.
    """

    groups: int
    rows: int
    largest: int
    across_splits: Sequence[str]


@dataclass(frozen=True)
class DatasetProfile:
    """What the rows of the dataset are like.

    Attributes:
        read: number of rows that were read, evenly spread.
        rows: number of all rows.
        contact_sheet: label to some of its rows.
        sizes: the most frequent (width, height) of original images, with their numbers of rows.
        formats: split to format of the original file to number of rows.
        extremes: the rows with the extreme values of several features.
        groups: None if no row has a group.
        text: None for a dataset of images alone.
    """

    read: int
    rows: int
    contact_sheet: Mapping[str, Sequence[DisplayedRow]]
    sizes: Mapping[tuple[int, int], int]
    formats: Mapping[str, Mapping[str, int]]
    extremes: Sequence[ExtremeRows]
    duplicates: Sequence[DuplicateSummary]
    groups: GroupProfile | None
    text: TextProfile | None


@dataclass(frozen=True)
class PredictionSummary:
    """What the network predicts for test.

    Attributes:
        rows: number of the rows among which mistakes were looked for, evenly spread.
        calibration: of all rows of test.
        mistakes: the rows of wrong predictions, the most confident first; ``note`` is the prediction.
    """

    rows: int
    calibration: Sequence[CalibrationBin]
    mistakes: Sequence[DisplayedRow]


class SuspiciousLabel(BaseModel):
    """A line of ``suspicious_labels.jsonl``: a row whose labels the linear baseline contradicts.

    Attributes:
        place: its index in the split.
        confidence: 0 to 1.
    """

    id: str
    split: Literal["train", "val", "test"]
    place: int = Field(ge=0)
    given: list[str]
    suggested: list[str]
    confidence: float


@dataclass(frozen=True)
class SuspiciousLabels:
    """The rows whose labels the linear baseline contradicts, the surest first.

    Attributes:
        ids: of all that were kept.
        displayed: the first of them; ``note`` is what is suggested, and the confidence.
    """

    ids: Sequence[str] = ()
    displayed: Sequence[DisplayedRow] = ()


@dataclass(frozen=True)
class TuningTrial:
    """A trial of the search for hyperparameters.

    Attributes:
        epochs: the most that it was trained for; None where that is as long as Trainer trains.
        values: key of a setting to its value.
    """

    name: str
    score: float
    epochs: int | None
    values: Mapping[str, str]


@dataclass(frozen=True)
class LineageArtifact:
    """An artifact of the run.

    Attributes:
        producer: the component.
        output: the name of the component's output.
        fingerprint: hexadecimal digest of its content; empty if there was too much to read.
        time: when it was made, ISO 8601 in UTC.
    """

    producer: str
    output: str
    type: str
    uri: str
    fingerprint: str
    time: str


@dataclass(frozen=True)
class Lineage:
    """Which component made which artifact, and of which others.

    Attributes:
        upstream: component to the components whose artifacts it read.
        versions: library to version.
    """

    artifacts: Sequence[LineageArtifact] = ()
    upstream: Mapping[str, Sequence[str]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportData:
    """Everything on the page. What the run did not produce is None or empty.

    Attributes:
        failure: where and why the run ended early, in words.
        going_on: that a run is going on, and what is shown of it, in words.
        missing: name of an artifact that is missing or cannot be read, and why.
        rejects: the rejected rows; of many only the first.
        reject_thumbnails: index in ``rejects`` to picture.
        finding_rows: index of a finding of the verdict to some of its rows, those of one image together.
        reference: feature to its statistics in the data that drift was measured from.
        linear_baseline: modality to the metrics of the linear baseline on it.
        majority_baseline: metrics of predicting for every example the most frequent label of train, and no other.
        confusion: actual label to predicted label to number of examples.
        per_label: label to ``precision``, ``recall``, ``f1`` and ``support``.
        suspicious: None if no labels were judged.
        trials: of the search for hyperparameters, the best first.
        settings: key to value and default, of the settings that differ from it.
        usage: what each component took; empty if it is unknown.
    """

    title: str
    failure: str = ""
    going_on: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    rejects: Sequence[RejectedRow] = ()
    reject_thumbnails: Mapping[int, Thumbnail] = field(default_factory=dict)
    verdict: Verdict | None = None
    finding_rows: Mapping[int, Sequence[Sequence[DisplayedRow]]] = field(default_factory=dict)
    anomalies: Sequence[Anomaly] = ()
    schema: Sequence[SchemaFeature] = ()
    statistics: DatasetStatistics = field(default_factory=dict)
    reference: Mapping[str, FeatureStatistics] = field(default_factory=dict)
    profile: DatasetProfile | None = None
    decision: Decision | None = None
    blessed: bool | None = None
    linear_baseline: Mapping[str, Metrics] = field(default_factory=dict)
    majority_baseline: Metrics = field(default_factory=dict)
    training_curves: TrainingCurves = field(default_factory=dict)
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    per_label: Mapping[str, Metrics] = field(default_factory=dict)
    predictions: PredictionSummary | None = None
    suspicious: SuspiciousLabels | None = None
    gallery: RowGallery | None = None
    lineage: Lineage = Lineage()
    trials: Sequence[TuningTrial] = ()
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    usage: Mapping[str, StepUsage] = field(default_factory=dict)
