"""Every rule about accepted rows, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from diptych.components.data_gate.findings import Finding
from diptych.components.data_gate.label_rules import check_lost, check_rare, check_typos
from diptych.components.data_gate.options import GateOptions
from diptych.components.data_gate.profile import Profile
from diptych.components.data_gate.row_rules import (
    check_duplicates,
    check_near_duplicates,
    check_new_values,
    check_sizes,
)
from diptych.components.data_gate.rows import Rows
from diptych.components.data_gate.shifts import Comparison, check_shifts, comparators
from diptych.components.data_gate.vocabulary import Vocabulary, check_vocabulary
from diptych.models.features import TRAIN


@dataclass(frozen=True)
class Data:
    """What the rules look at.

    Attributes:
        splits: train, val and test.
        profiles: of each of them.
        accepted: of each split of the last accepted data; empty if there is none.
        vocabulary: of train.
        schema: whose comparators win over the settings.
    """

    splits: Mapping[str, Rows]
    profiles: Mapping[str, Profile]
    accepted: Mapping[str, Profile]
    vocabulary: Vocabulary
    schema: schema_pb2.Schema

    @property
    def others(self) -> dict[str, Rows]:
        """Val and test."""
        return {split: rows for split, rows in self.splits.items() if split != TRAIN}


def check_data(data: Data, options: GateOptions) -> Iterator[Finding]:
    """What the rules find, by rule; the severity ``ignore`` is that of findings, too."""
    train = data.profiles[TRAIN]
    reference = data.accepted.get(TRAIN, train)
    labels = data.splits[TRAIN].ids_by_label()
    if data.accepted:
        yield from _check_against_accepted(data, options)
    skewed = comparators(data.schema, "skew")
    for split, rows in data.others.items():
        yield from check_shifts(rows, train, Comparison("skew", split, f"split '{TRAIN}'", options.skew, skewed))
    yield from check_rare(labels, options.label_rare)
    yield from check_typos(labels, options.label_typo)
    yield from check_duplicates(data.splits, options)
    yield from check_near_duplicates(data.splits, options)
    yield from check_vocabulary(data.others, data.vocabulary, reference.lone_words, options.vocabulary)
    yield from check_sizes(data.splits, reference, options.size)


def _check_against_accepted(data: Data, options: GateOptions) -> Iterator[Finding]:
    drifted = Comparison("drift", TRAIN, "the last accepted data", options.drift, comparators(data.schema, "drift"))
    yield from check_shifts(data.splits[TRAIN], data.accepted[TRAIN], drifted)
    yield from check_lost(data.splits[TRAIN].ids_by_label(), data.accepted[TRAIN], options.label_lost)
    yield from check_new_values(data.splits, data.accepted, options)
