"""Every rule of the gate is described by a sentence that a person can read."""

from __future__ import annotations

from diptych.components.data_gate.options import GateOptions
from diptych.components.data_gate.rule_descriptions import describe_rules
from diptych.components.data_gate.rules import COMPARING_RULE_KEYS, TEXT_RULE_KEYS


def test_each_rule_has_a_sentence_and_its_limits() -> None:
    rules = {rule["rule"]: rule for rule in describe_rules(GateOptions())}
    assert list(rules) == list(GateOptions.model_fields)
    for rule in rules.values():
        assert (
            15 < len(rule["looks_for"]) < 120 and not rule["looks_for"].endswith(".") and "`" not in rule["looks_for"]
        )
        assert rule["applied"] == (rule["severity"] != "ignore")
    assert (rules["anomaly"]["severity"], rules["anomaly"]["limits"]) == ("stop", {"error": "stop", "warning": "warn"})
    assert rules["label_from_file"]["limits"] == {"kappa": 0.9}


def test_keys_of_rules_that_may_lack_data_are_those_of_rules() -> None:
    assert {*COMPARING_RULE_KEYS, *TEXT_RULE_KEYS} < set(GateOptions.model_fields)
    rules = {rule["rule"]: rule for rule in describe_rules(GateOptions(), TEXT_RULE_KEYS)}
    assert not rules["vocabulary"]["applied"] and rules["size"]["applied"]
