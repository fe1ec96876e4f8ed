"""What ``diptych check`` prints: rejects by reason with three rows of each, and what the gate would say."""

from __future__ import annotations

import json
from pathlib import Path

from diptych.components.catalogue.reasons import REASONS, Reject
from diptych.components.data_gate.findings import Finding
from diptych.pipeline.prepare.check import CheckResult
from diptych.pipeline.prepare.check_lines import check_as_json, describe_check, group_by_reason, write_rejects


def reject(row: int, reason: str) -> Reject:
    return Reject("a.csv", row, f"id {row}", f"{row}.png", reason, f"why {row}\udcff")


def result(rejects: list[Reject], findings: list[Finding]) -> CheckResult:
    examples = {"train": 5, "val": 0, "test": 2}
    labels = {f"label {n}": {"train": 1, "val": 0, "test": 1} for n in range(23)}
    return CheckResult(20, examples, labels, rejects, findings=findings)


REJECTS = [reject(1, "missing_label"), *(reject(n, "missing_file") for n in range(2, 9))]


def test_rejects_are_told_by_reason_with_three_rows_and_the_remedy() -> None:
    lines = list(describe_check(result(REJECTS, [])))
    start = lines.index(f"Rejected: 7 missing_file; {REASONS['missing_file']}")
    assert lines[start + 1] == "  a.csv row 2, 2.png: why 2\udcff"
    assert lines[start + 4 : start + 6] == ["  and 4 more", f"Rejected: 1 missing_label; {REASONS['missing_label']}"]
    assert list(group_by_reason(REJECTS)) == ["missing_file", "missing_label"]


def test_what_stops_comes_before_what_warns() -> None:
    findings = [Finding("size", "warn", "too large"), Finding("skew", "stop", "skewed")]
    lines = list(describe_check(result([], findings)))
    assert lines.index("A run would stop: skew: skewed") < lines.index("A run would warn: size: too large")
    assert "A run would stop: no example in split val" in lines
    assert "and 3 more labels; --json lists all" in lines
    assert any(line == "Only a run applies these rules of the gate: anomaly" for line in lines)


def test_rejects_that_only_warn_are_not_told_twice() -> None:
    warned = [Finding("rejects", "warn", "8 of 20 rows")]
    assert not any("8 of 20 rows" in line for line in describe_check(result(REJECTS, warned)))
    stopped = [Finding("rejects", "stop", "8 of 20 rows")]
    assert "A run would stop: rejects: 8 of 20 rows" in describe_check(result(REJECTS, stopped))


def test_all_rejects_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    write_rejects(REJECTS, str(path))
    written = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert written == [{**each.as_json(), "detail": f"why {each.row}?"} for each in REJECTS]


def test_a_program_gets_everything() -> None:
    report = check_as_json(result(REJECTS, [Finding("size", "warn", "too large")]))
    assert len(report["labels"]) == 23
    assert len(report["rejects"]) == 8
    assert [finding["rule"] for finding in report["findings"]] == ["size"]
    assert report["not_applied"] == ["anomaly"]
