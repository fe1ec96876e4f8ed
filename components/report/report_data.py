"""What the page is told: plain data, whatever file it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, model_validator

Metrics = Mapping[str, float]


class Account(BaseModel):
    """All rows of the catalogue; ``rows`` equals all ``examples`` and ``rejects`` together.

    Attributes:
        examples: split to number of records.
        rejects: reason to number of rows.
        labels: label to split to number of records.
    """

    rows: int
    examples: dict[str, int]
    rejects: dict[str, int]
    labels: dict[str, dict[str, int]] = {}


class RejectedRow(BaseModel):
    """One line of ``rejects.jsonl``; ``row`` counts from 1."""

    source: str = ""
    row: int
    id: str = ""
    image: str = ""
    reason: str
    detail: str = ""


class Finding(BaseModel):
    """Something the data gate says.

    Attributes:
        severity: whether it stops the run.
        formula: name of what was measured; ``threshold`` is the most that is allowed of it.
        ids: some rows that show it.
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

    @model_validator(mode="before")
    @classmethod
    def _stops_or_warns(cls, value: object) -> object:
        """A finding may say ``stops`` instead of its severity."""
        if isinstance(value, dict) and "severity" not in value:
            return {**value, "severity": "stop" if value.get("stops") else "warn"}
        return value


class Verdict(BaseModel):
    """``verdict.json`` of the data gate."""

    passed: bool
    findings: list[Finding]


class Decision(BaseModel):
    """``decision.json`` of the Evaluator.

    Attributes:
        metrics: of the network on the test split, and ``examples``.
        slices: slice (``""`` is the whole split, else ``feature=value``) to metrics.
        last_blessed_slices: likewise of the last blessed model; empty if it was not compared.
    """

    metrics: dict[str, float]
    reasons: list[str]
    slices: dict[str, dict[str, float]]
    last_blessed_slices: dict[str, dict[str, float]] = {}


@dataclass(frozen=True)
class Anomaly:
    """A split against the schema; ``severity`` is TFDV's name of it, ``ERROR`` or ``WARNING``."""

    split: str
    feature: str
    severity: str
    summary: str
    detail: str


@dataclass(frozen=True)
class SchemaRow:
    """A feature of the schema, in words.

    Attributes:
        values: how many a record holds.
        domain: what a value may be; empty if anything.
    """

    feature: str
    type: str
    presence: str
    values: str
    domain: str


@dataclass(frozen=True)
class Bucket:
    """``count`` values, a fraction where TFDV interpolates, lie from ``low`` to ``high``."""

    low: float
    high: float
    count: float


@dataclass(frozen=True)
class Numbers:
    """Of a numeric feature in one split."""

    mean: float
    std: float
    min: float
    median: float
    max: float
    histogram: tuple[Bucket, ...] = ()


@dataclass(frozen=True)
class Strings:
    """Of a bytes feature in one split.

    Attributes:
        unique: number of different values.
        counts: value to count, most frequent first; not all values where there are many.
    """

    unique: int
    counts: Mapping[str, int]

    def count(self, value: str) -> int | None:
        """How often the value occurs; None if only TFDV knew."""
        return self.counts.get(value, 0 if len(self.counts) >= self.unique else None)


@dataclass(frozen=True)
class FeatureStatistics:
    """A feature in one split: records that hold a value, records that do not, and what the values are like."""

    count: int
    missing: int
    numbers: Numbers | None = None
    strings: Strings | None = None


@dataclass(frozen=True)
class Picture:
    """A small image: the bytes of a WebP file of ``width`` x ``height`` pixels."""

    webp: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Shown:
    """A row with its picture, and what it is shown for."""

    id: str
    split: str
    label: str
    description: str
    note: str = ""
    picture: Picture | None = None


@dataclass(frozen=True)
class Worst:
    """The rows with the lowest and the highest values of a feature of health."""

    feature: str
    lowest: Sequence[Shown]
    highest: Sequence[Shown]


@dataclass(frozen=True)
class DuplicateGroup:
    """Rows of equal, or nearly equal, images: how many, and the first of them."""

    rows: int
    splits: Sequence[str]
    labels: Sequence[str]
    shown: Sequence[Shown]


@dataclass(frozen=True)
class Duplicates:
    """Of one kind, ``exact`` or ``near``: how many groups and rows, how many groups lie in several splits."""

    kind: str
    groups: int
    rows: int
    across: int
    shown: Sequence[DuplicateGroup]


@dataclass(frozen=True)
class TextFacts:
    """Descriptions of the rows read.

    Attributes:
        lengths: split to histogram of the numbers of characters.
        tokens: split to term to count, the most frequent.
        tokens_by_label: label to the terms that tell it from others, with their counts.
        unknown: split to the share of its terms that the vocabulary of train lacks.
        scripts: split to script (as Unicode names its characters) to share of the letters.
        empty: split to number of rows.
        repeated: description to number of rows, the most repeated.
    """

    lengths: Mapping[str, Sequence[Bucket]]
    tokens: Mapping[str, Mapping[str, int]]
    tokens_by_label: Mapping[str, Mapping[str, int]]
    unknown: Mapping[str, float]
    scripts: Mapping[str, Mapping[str, float]]
    empty: Mapping[str, int]
    repeated: Mapping[str, int]


@dataclass(frozen=True)
class GroupFacts:
    """Groups that must not be parted: how many, the rows in the largest, and those that lie in several splits."""

    groups: int
    rows: int
    largest: int
    parted: Sequence[str]


@dataclass(frozen=True)
class RowFacts:
    """What the rows themselves say; ``read`` of ``rows`` were looked at, evenly spread.

    Attributes:
        sheet: label to a few of its rows.
        sizes: (width, height) of the original to number of rows, the most frequent.
        formats: split to format of the original file to number of rows.
    """

    read: int
    rows: int
    sheet: Mapping[str, Sequence[Shown]]
    sizes: Mapping[tuple[int, int], int]
    formats: Mapping[str, Mapping[str, int]]
    worst: Sequence[Worst]
    duplicates: Sequence[Duplicates]
    groups: GroupFacts | None
    text: TextFacts


@dataclass(frozen=True)
class Confidence:
    """Decisions whose confidence falls into one bin: how many, their mean confidence, the share that is right."""

    decisions: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Scored:
    """What the served model answered to some rows of test, evenly spread.

    Attributes:
        mistakes: the most confident wrong answers, most confident first.
    """

    rows: int
    calibration: Sequence[Confidence]
    mistakes: Sequence[Shown]


@dataclass(frozen=True)
class Product:
    """An artifact.

    Attributes:
        output: what its producer calls it.
        fingerprint: hexadecimal digest of what it holds, empty where that was too much to read.
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
    """Who made what of what.

    Attributes:
        upstream: component to those whose artifacts it read.
        versions: library to version.
    """

    products: Sequence[Product] = ()
    upstream: Mapping[str, Sequence[str]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


Curves = Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]


@dataclass(frozen=True)
class Contents:
    """Everything on the page; what a run did not come to is None or empty.

    Attributes:
        failure: where and why the run ended early, in words.
        missing: what there is no artifact of, or none that can be read, and why.
        rejects: the rejected rows, not all where there are many.
        reject_pictures: place among ``rejects`` to picture.
        statistics: feature to split to figures; ``reference`` likewise, of the data that drift was measured from.
        majority: metrics of an answer that is always the most frequent label of train.
        curves: figure to run (train, validation) to (epoch, value).
        confusion: actual label to answered label to number of examples.
        per_label: label to ``precision``, ``recall``, ``f1`` and ``support``.
    """

    title: str
    failure: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    rejects: Sequence[RejectedRow] = ()
    reject_pictures: Mapping[int, Picture] = field(default_factory=dict)
    verdict: Verdict | None = None
    anomalies: Sequence[Anomaly] = ()
    schema: Sequence[SchemaRow] = ()
    statistics: Mapping[str, Mapping[str, FeatureStatistics]] = field(default_factory=dict)
    reference: Mapping[str, FeatureStatistics] = field(default_factory=dict)
    facts: RowFacts | None = None
    decision: Decision | None = None
    blessed: bool | None = None
    linear_baseline: Metrics = field(default_factory=dict)
    majority: Metrics = field(default_factory=dict)
    curves: Curves = field(default_factory=dict)
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    per_label: Mapping[str, Metrics] = field(default_factory=dict)
    scored: Scored | None = None
    lineage: Lineage = Lineage()
