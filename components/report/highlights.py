"""What a person should look at first, gathered from the whole report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from diptych.components.report.formatting import format_percent, shorten
from diptych.components.report.report_data import Finding, ReportData
from diptych.models.counts import pluralize

# A label whose F1 is below this is pointed out.
_LOW_F1 = 0.8


@dataclass(frozen=True)
class Highlight:
    """A sentence about something bad or suspicious, and the id of the section of the page that has the details."""

    level: Literal["bad", "warn"]
    text: str
    section: str


def find_highlights(data: ReportData) -> list[Highlight]:
    """The highlights of a run, bad ones first; empty if nothing is suspicious."""
    found = [*_of_run(data), *_of_rows(data), *_of_model(data)]
    return sorted(found, key=lambda highlight: highlight.level != "bad")


def _of_run(data: ReportData) -> Iterator[Highlight]:
    if data.failure:
        yield Highlight("bad", data.failure, "glance")
    if data.going_on:
        yield Highlight("warn", data.going_on, "glance")
    findings = data.verdict.findings if data.verdict else []
    if stopping := [finding for finding in findings if finding.severity == "stop"]:
        yield Highlight("bad", _count_findings(stopping, "to stop the run"), "schema")
    if warning := [finding for finding in findings if finding.severity == "warn"]:
        yield Highlight("warn", _count_findings(warning, "to look at"), "schema")


def _count_findings(findings: Sequence[Finding], purpose: str) -> str:
    rules = ", ".join(dict.fromkeys(finding.rule for finding in findings))
    return f"{pluralize(len(findings), 'finding')} of the data gate {purpose}: {rules}"


def _of_rows(data: ReportData) -> Iterator[Highlight]:
    if data.account and (rejected := sum(data.account.rejects.values())):
        reason = max(data.account.rejects, key=data.account.rejects.__getitem__)
        share = format_percent(rejected / data.account.rows)
        yield Highlight("warn", f"{pluralize(rejected, 'row')} ({share}) rejected, most for {reason}", "rejects")
    for summary in data.profile.duplicates if data.profile else ():
        if summary.across_splits:
            exact = summary.kind == "exact"
            groups = pluralize(summary.across_splits, "group")
            text = f"{groups} of {'equal' if exact else 'nearly equal'} images in several splits"
            yield Highlight("bad" if exact else "warn", text, "duplicates")
    groups_profile = data.profile.groups if data.profile else None
    if groups_profile and groups_profile.across_splits:
        names = ", ".join(groups_profile.across_splits[:3])
        yield Highlight("bad", f"groups are in several splits: {names}", "labels")


def _of_model(data: ReportData) -> Iterator[Highlight]:
    if data.decision and data.blessed is False:
        yield from (Highlight("bad", reason, "model") for reason in data.decision.reasons)
    if data.decision:
        yield from (Highlight("warn", note, "model") for note in data.decision.notes)
    occurring = {label: metrics for label, metrics in data.per_label.items() if metrics.get("support", 0) > 0}
    if occurring:
        label, worst = min(occurring.items(), key=lambda item: (item[1]["f1"], -item[1]["support"]))
        if worst["f1"] < _LOW_F1:
            text = f"label '{shorten(label, 60)}' is learned worst: F1 {format_percent(worst['f1'])}"
            yield Highlight("warn", text, "model")
