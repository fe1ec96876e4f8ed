"""Every rule is applied by one function, without TFX and TensorFlow, to whatever rows there are."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from diptych.components.data_gate.options import GateOptions
from diptych.components.data_gate.rules import COMPARING_RULE_KEYS, GateInput, apply_rules
from tests.components.data_gate.rows import make_rows, make_split_profile


def gate_input(**changes: Any) -> GateInput:
    splits = {"train": make_rows(0), "val": make_rows(0), "test": make_rows(0)} | changes.pop("splits", {})
    usual = {"rows": 9, "rejects": [], "splits": splits, "accepted": {}, "schema": schema_pb2.Schema()}
    return GateInput(**{**usual, **changes})


def test_the_rules_need_neither_tfx_nor_tensorflow() -> None:
    code = (
        "import sys, diptych.components.data_gate.rules\n"
        "print(sorted(set(sys.modules) & {'tensorflow', 'tfx', 'apache_beam', 'tensorflow_data_validation'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_no_row_at_all_is_no_finding() -> None:
    assert [finding for finding in apply_rules(gate_input(), GateOptions()) if finding.severity != "ignore"] == []


def test_data_are_compared_with_accepted_ones_only_if_there_are_any() -> None:
    rows = make_rows(60, labels=["a", "b"] * 30)
    before = {"train": make_split_profile(make_rows(60, labels=["a", "b", "c"] * 20))}
    found = {
        bool(accepted): [finding.rule for finding in apply_rules(data, GateOptions())]
        for accepted in ({}, before)
        if (data := gate_input(splits={"train": rows}, accepted=accepted))
    }
    assert "label_lost" in found[True]
    assert not set(found[False]) & set(COMPARING_RULE_KEYS)
    assert set(COMPARING_RULE_KEYS) <= GateOptions.model_fields.keys()


def test_without_descriptions_no_rule_is_about_them() -> None:
    texts = [f"IMG_{n:04d}" for n in range(60)]
    data = {"train": make_rows(60, labels=["a", "b"] * 30, texts=texts)}
    rules = {finding.rule for finding in apply_rules(gate_input(splits=data), GateOptions())}
    assert "text_is_id" in rules
    without = {finding.rule for finding in apply_rules(gate_input(splits=data, text=None), GateOptions())}
    assert without == rules - {"text_is_id"}


def test_what_another_spelling_of_a_label_lacks_is_not_told_besides() -> None:
    splits = {
        "train": make_rows(22, labels=["a", "b"] * 10 + ["A", "c"]),
        "test": make_rows(20, labels=["a", "b"] * 10, ids=[f"t{n}" for n in range(20)]),
    }
    found = {finding.rule: finding for finding in apply_rules(gate_input(splits=splits), GateOptions())}
    assert found["label_spelling"].ids == ("row-20",)
    for rule in ("label_rare", "label_coverage"):
        assert found[rule].ids == ("row-21",)
