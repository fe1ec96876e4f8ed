"""What the gate looks for, in words: reports show it also where nothing was found."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from diptych.components.data_gate.options import AnomalyRule, GateOptions
from diptych.models.options import Options


def describe_rules(options: GateOptions, not_applied: Collection[str] = ()) -> list[dict[str, Any]]:
    """The rules in the order of the options, as they stand in ``verdict.json``.

    Args:
        not_applied: the keys of the rules that have nothing to look at, as those about texts of images alone.

    Returns:
        For each rule: ``rule``, its key; ``looks_for``, a sentence; ``applied``, whether it was looked for;
        ``severity``, what a finding does; and ``limits``, its other options by key.
    """
    return [_describe(name, getattr(options, name), name not in not_applied) for name in GateOptions.model_fields]


def _describe(name: str, rule: Options, has_data: bool) -> dict[str, Any]:
    limits = rule.model_dump(mode="json")
    # Anomalies have two severities; the stronger one decides what they may do to a run.
    severity = rule.error if isinstance(rule, AnomalyRule) else limits.pop("severity")
    looks_for = GateOptions.model_fields[name].description or inspect.getdoc(type(rule)) or ""
    return {
        "rule": name,
        "looks_for": " ".join(looks_for.split()).split(". ")[0].removesuffix("."),
        "applied": has_data and severity != "ignore",
        "severity": severity,
        "limits": limits,
    }
