"""The rules about accepted rows, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from diptych.components.data_gate.distribution_shifts import DistributionComparison, check_shifts, schema_thresholds
from diptych.components.data_gate.findings import Finding
from diptych.components.data_gate.label_rules import check_label_typos, check_lost_labels, check_rare_labels
from diptych.components.data_gate.options import GateOptions
from diptych.components.data_gate.profile import SplitProfile
from diptych.components.data_gate.row_rules import (
    check_duplicates,
    check_near_duplicates,
    check_new_values,
    check_sizes,
)
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.data_gate.vocabulary import Vocabulary, check_vocabulary
from diptych.models.features import TRAIN


@dataclass(frozen=True)
class GateInput:
    """The data that the rules look at.

    Attributes:
        splits: split to its rows.
        profiles: split to its profile.
        accepted: split to its profile in the last accepted data; empty if no data were accepted yet.
        vocabulary: the words of train.
        schema: its comparators take precedence over the thresholds of the options.
    """

    splits: Mapping[str, SplitRows]
    profiles: Mapping[str, SplitProfile]
    accepted: Mapping[str, SplitProfile]
    vocabulary: Vocabulary
    schema: schema_pb2.Schema

    @property
    def held_out(self) -> dict[str, SplitRows]:
        """The rows of val and test."""
        return {split: rows for split, rows in self.splits.items() if split != TRAIN}


def apply_rules(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    """The findings of all rules, those with the severity ``ignore`` included."""
    train = data.profiles[TRAIN]
    reference = data.accepted.get(TRAIN, train)
    labels = data.splits[TRAIN].ids_by_label()
    if data.accepted:
        yield from _compare_with_accepted(data, options)
    thresholds = schema_thresholds(data.schema, "skew")
    for split, rows in data.held_out.items():
        comparison = DistributionComparison("skew", split, f"split '{TRAIN}'", options.skew, thresholds)
        yield from check_shifts(rows, train, comparison)
    yield from check_rare_labels(labels, options.label_rare)
    yield from check_label_typos(labels, options.label_typo)
    yield from check_duplicates(data.splits, options.duplicates)
    yield from check_near_duplicates(data.splits, options.near_duplicates)
    yield from check_vocabulary(data.held_out, data.vocabulary, reference.singleton_share, options.vocabulary)
    yield from check_sizes(data.splits, reference, options.size)


def _compare_with_accepted(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    train, accepted = data.splits[TRAIN], data.accepted[TRAIN]
    thresholds = schema_thresholds(data.schema, "drift")
    comparison = DistributionComparison("drift", TRAIN, "the last accepted data", options.drift, thresholds)
    yield from check_shifts(train, accepted, comparison)
    yield from check_lost_labels(train.ids_by_label(), accepted, options.label_lost)
    yield from check_new_values(data.splits, data.accepted, options)
