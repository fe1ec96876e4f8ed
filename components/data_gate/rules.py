"""The rules put together: what the gate of a run and ``diptych check`` both apply.

The rule about anomalies is the only other one, in ``anomaly_rule``: it needs TensorFlow Data Validation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from diptych.components.data_gate.basic_rules import (
    check_learnable_labels,
    check_lost_splits,
    check_rejects,
    check_unlabelled,
)
from diptych.components.data_gate.distribution_shifts import DistributionComparison, check_shifts, schema_thresholds
from diptych.components.data_gate.file_model import check_label_from_file
from diptych.components.data_gate.findings import Finding
from diptych.components.data_gate.label_name_rules import (
    check_label_form,
    check_label_spelling,
    join_splits,
    list_spellings,
)
from diptych.components.data_gate.label_rules import (
    check_label_coverage,
    check_label_typos,
    check_lost_labels,
    check_rare_labels,
)
from diptych.components.data_gate.options import GateOptions
from diptych.components.data_gate.profile import SplitProfile, make_profile
from diptych.components.data_gate.row_rules import (
    check_duplicates,
    check_label_conflicts,
    check_near_duplicates,
    check_new_values,
    check_sizes,
)
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.data_gate.straddling_rule import check_straddling
from diptych.components.data_gate.text_model import check_label_from_text
from diptych.components.data_gate.text_rules import check_label_in_text, check_text_is_id
from diptych.components.data_gate.vocabulary import Vocabulary, build_vocabulary, check_vocabulary
from diptych.components.declared_account import DeclaredAccount
from diptych.models.features import TRAIN
from diptych.models.labels import LabelOptions
from diptych.models.text.options import TextOptions


@dataclass(frozen=True)
class GateInput:
    """The data that the rules look at.

    Attributes:
        rows: the number of rows of the catalogue.
        rejects: the rejected rows, as ``rejects.jsonl`` has them.
        splits: split to its rows; train, val and test, in this order.
        accepted: split to its profile in the last accepted data; empty if no data were accepted yet.
        schema: its comparators take precedence over the thresholds of the options.
        label: how labels are treated that train lacks.
        text: how descriptions are split into words; None if there are none.
        declared: the splits that the catalogue declares; None if it declares none.
    """

    rows: int
    rejects: Sequence[Mapping[str, Any]]
    splits: Mapping[str, SplitRows]
    accepted: Mapping[str, SplitProfile]
    schema: schema_pb2.Schema
    label: LabelOptions = LabelOptions()
    text: TextOptions | None = TextOptions()
    declared: DeclaredAccount | None = None

    @property
    def rules_without_data(self) -> set[str]:
        """The keys of the rules that have nothing to look at, or nothing to compare with."""
        return {*(() if self.accepted else COMPARING_RULE_KEYS), *(() if self.text else TEXT_RULE_KEYS)}

    @property
    def train(self) -> SplitRows:
        """The rows of train."""
        return self.splits[TRAIN]

    @property
    def held_out(self) -> dict[str, SplitRows]:
        """The rows of val and test."""
        return {split: rows for split, rows in self.splits.items() if split != TRAIN}

    @cached_property
    def labels(self) -> dict[str, dict[str, list[str]]]:
        """Split to label to the ids of its rows."""
        return {split: rows.ids_by_label() for split, rows in self.splits.items()}

    @property
    def declared_splits(self) -> Collection[str]:
        """The splits that the catalogue declares."""
        return self.declared.examples if self.declared else ()

    @cached_property
    def respelled(self) -> set[str]:
        """The labels that are another spelling of a more frequent one: what they lack, that one may have."""
        spellings = list_spellings(join_splits(self.labels))
        return {label for spelling in spellings for label in spelling[1:]}

    @cached_property
    def vocabulary(self) -> Vocabulary | None:
        """The words of train; None without descriptions."""
        return build_vocabulary(self.train, self.text) if self.text else None

    @cached_property
    def profiles(self) -> dict[str, SplitProfile]:
        """Split to its profile."""
        singleton_share = self.vocabulary.singleton_share if self.vocabulary else None
        return {split: make_profile(rows, singleton_share) for split, rows in self.splits.items()}

    @property
    def reference(self) -> SplitProfile:
        """The profile of the last accepted train, else that of train."""
        return self.accepted.get(TRAIN) or self.profiles[TRAIN]


def _rejects(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_rejects(data.rows, data.rejects, options.rejects)
    yield from check_unlabelled(data.rejects)
    yield from check_lost_splits(data.rejects, data.declared)


def _learnable_labels(data: GateInput, _: GateOptions) -> Iterator[Finding]:
    if any(data.labels.values()):
        yield from check_learnable_labels(data.labels, data.declared_splits, data.label)


def _drift(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    thresholds = schema_thresholds(data.schema, "drift")
    comparison = DistributionComparison("drift", TRAIN, "the last accepted data", options.drift, thresholds)
    yield from check_shifts(data.train, data.accepted[TRAIN], comparison)


def _lost_labels(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_lost_labels(data.labels[TRAIN], data.accepted[TRAIN], options.label_lost)


def _new_values(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_new_values(data.splits, data.accepted, options)


def _skew(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    thresholds = schema_thresholds(data.schema, "skew")
    for split, rows in data.held_out.items():
        comparison = DistributionComparison("skew", split, f"split '{TRAIN}'", options.skew, thresholds)
        yield from check_shifts(rows, data.profiles[TRAIN], comparison)


def _rare_labels(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    labels = {label: ids for label, ids in data.labels[TRAIN].items() if label not in data.respelled}
    yield from check_rare_labels(labels, options.label_rare)


def _label_typos(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_label_typos(data.labels[TRAIN], options.label_typo)


def _label_names(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    labels = join_splits(data.labels)
    yield from check_label_spelling(labels, options.label_spelling)
    yield from check_label_form(labels, options.label_form)


def _label_coverage(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_label_coverage(data.splits, data.respelled, data.declared_splits, options.label_coverage)


def _label_conflicts(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_label_conflicts(data.splits, options.label_conflict)


def _texts(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    if data.text:
        yield from check_label_in_text(data.splits, options.label_in_text)
        yield from check_label_from_text(data.splits, data.text, options.label_from_text)
        yield from check_text_is_id(data.splits, options.text_is_id)


def _files(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_label_from_file(data.splits, options.label_from_file)


def _duplicates(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    # Of declared splits, another rule says more.
    if data.declared is None or data.declared.ignores_equal_images:
        yield from check_duplicates(data.splits, options.duplicates)


def _near_duplicates(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_near_duplicates(data.splits, options.near_duplicates)


def _straddling(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_straddling(data.splits, data.declared, options.straddling, options.near_duplicates)


def _vocabulary(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    if data.vocabulary:
        yield from check_vocabulary(data.held_out, data.vocabulary, data.reference.singleton_share, options.vocabulary)


def _sizes(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    yield from check_sizes(data.splits, data.reference, options.size)


#: What a rule of the gate is: it yields its findings, those with the severity ``ignore`` included.
GateRule = Callable[[GateInput, GateOptions], Iterator[Finding]]

#: The rules that look at these data alone.
RULES: tuple[GateRule, ...] = (
    _rejects,
    _learnable_labels,
    _skew,
    _rare_labels,
    _label_typos,
    _label_names,
    _label_coverage,
    _label_conflicts,
    _texts,
    _files,
    _duplicates,
    _near_duplicates,
    _straddling,
    _vocabulary,
    _sizes,
)
#: The rules that compare these data with the last accepted ones.
COMPARING_RULES: tuple[GateRule, ...] = (_drift, _lost_labels, _new_values)
#: The keys of their options.
COMPARING_RULE_KEYS = ("drift", "label_lost", "new_format", "new_script")
#: The keys of the rules that look at descriptions alone.
TEXT_RULE_KEYS = ("label_in_text", "label_from_text", "text_is_id", "vocabulary", "new_script")


def apply_rules(data: GateInput, options: GateOptions) -> Iterator[Finding]:
    """The findings of all rules, those with the severity ``ignore`` included."""
    for rule in (*RULES, *(COMPARING_RULES if data.accepted else ())):
        yield from rule(data, options)
