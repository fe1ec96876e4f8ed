"""Report data are read from the files of other components."""

from __future__ import annotations

from diptych.components.data_gate.findings import Finding
from diptych.components.report.report_data import Verdict


def test_findings_are_read_as_the_gate_writes_them() -> None:
    written = Finding("label_rare", "warn", "few rows", "label", "train", 1.0, "number of rows", 5.0, ("a", "b"))
    (found,) = Verdict.model_validate({"passed": True, "findings": [written.as_json()]}).findings
    assert (found.rule, found.severity, found.message, found.ids) == ("label_rare", "warn", "few rows", ["a", "b"])
    assert (found.measured, found.formula, found.threshold) == (1.0, "number of rows", 5.0)
