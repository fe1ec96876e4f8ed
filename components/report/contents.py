"""What the page is told: plain data, whatever file it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

Metrics = Mapping[str, float]


class Account(BaseModel):
    """All rows of the catalogue; ``rows`` equals all ``examples`` and ``rejects`` together.

    Attributes:
        examples: split to number of records.
        rejects: reason to number of rows.
    """

    rows: int
    examples: dict[str, int]
    rejects: dict[str, int]


class RejectedRow(BaseModel):
    """One line of ``rejects.jsonl``; ``row`` counts from 1."""

    row: int
    id: str = ""
    image: str = ""
    reason: str
    detail: str = ""


class Finding(BaseModel):
    """Something the data gate says; whether it stops the run."""

    stops: bool
    message: str


class Verdict(BaseModel):
    """``verdict.json`` of the data gate."""

    passed: bool
    findings: list[Finding]


class Decision(BaseModel):
    """``decision.json`` of the Evaluator.

    Attributes:
        metrics: of the network on the test split: ``accuracy``, ``macro_f1``, ``examples``.
        slices: slice (``""`` is the whole split, else ``feature=value``) to metrics.
    """

    metrics: dict[str, float]
    reasons: list[str]
    slices: dict[str, dict[str, float]]


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
class Sample:
    """One image as a PNG file of ``width`` x ``height`` pixels."""

    id: str
    description: str
    png: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Contents:
    """Everything on the page.

    Attributes:
        rejects: the first rows of each reason.
        statistics: feature to split to figures.
        samples: label to a few images of the train split.
        linear_baseline: metrics of the linear text baseline on the test split.
        last_blessed: as ``Decision.slices``, of the last blessed model; empty if it was not compared.
    """

    title: str
    blessed: bool
    decision: Decision
    account: Account
    verdict: Verdict
    linear_baseline: Metrics
    rejects: Sequence[RejectedRow] = ()
    anomalies: Sequence[Anomaly] = ()
    schema: Sequence[SchemaRow] = ()
    statistics: Mapping[str, Mapping[str, FeatureStatistics]] = field(default_factory=dict)
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    last_blessed: Mapping[str, Metrics] = field(default_factory=dict)
