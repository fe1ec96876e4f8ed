"""Report data are read from the files of other components."""

from __future__ import annotations

from diptych.components.report.report_data import Verdict


def test_findings_of_either_spelling_are_read() -> None:
    found = Verdict.model_validate({"passed": False, "findings": [{"stops": True, "message": "m"}]})
    assert [(f.severity, f.rule) for f in found.findings] == [("stop", "finding")]
