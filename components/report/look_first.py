"""What a person should look at first: one ranked list over everything that the report knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from diptych.components.report.finding_rows import RowGroups
from diptych.components.report.formatting import format_percent, shorten
from diptych.components.report.report_data import DisplayedRow, Finding, Metrics, ReportData
from diptych.models.counts import join_names, pluralize

#: The most pictures of an item: the page must stay small.
MAX_PICTURES = 6

# The most findings of the gate of each severity that are items of their own.
_MAX_FINDINGS = 6
# A label whose F1 is below this is pointed out, and so many of them are named.
_LOW_F1, _MAX_WEAK_LABELS = 0.8, 3
# Findings of the gate in the order in which they matter. Leaks make every figure of the run doubtful; what labels say
# is learned; drift and what follows may well be intended.
_ORDER = (
    ("straddling", "duplicates", "near_duplicates", "label_from_text", "label_in_text", "text_is_id"),
    ("label_from_file",),
    ("label_conflict",),
    ("label_lost", "label_typo", "label_spelling", "label_form", "label_coverage", "label_rare"),
    ("drift", "skew", "anomaly", "vocabulary", "new_format", "new_script", "size"),
    ("rejects",),
)
_LEAKS, _SHORTCUTS, _CONFLICTS, _LABELS, _DRIFT, _REJECTS = range(0, 60, 10)
# Between them: what is no finding of the gate.
_RUN, _SUSPICIOUS, _WEAK, _NOTES = -10, _CONFLICTS + 1, _CONFLICTS + 2, 60


@dataclass(frozen=True)
class Item:
    """Something to look at.

    Attributes:
        text: a sentence.
        section: the id of the section of the page that has the details.
        rows: some of its rows.
        rank: items of one level come in ascending order of it.
    """

    level: Literal["bad", "warn"]
    text: str
    section: str
    rows: Sequence[DisplayedRow] = ()
    rank: int = _RUN


def list_items(data: ReportData) -> list[Item]:
    """What to look at, the worst first; empty if nothing is suspicious."""
    found = [*_of_run(data), *_of_findings(data), *_of_rows(data), *_of_labels(data)]
    return sorted(found, key=lambda item: (item.level != "bad", item.rank))


def _of_run(data: ReportData) -> Iterator[Item]:
    if data.failure:
        yield Item("bad", data.failure, "run")
    if data.decision and data.blessed is False:
        yield from (Item("bad", reason, "model") for reason in data.decision.reasons)
    if data.going_on:
        yield Item("warn", data.going_on, "run")
    if data.decision:
        yield from (Item("warn", note, "model", rank=_NOTES) for note in data.decision.notes)


def _of_findings(data: ReportData) -> Iterator[Item]:
    findings = data.verdict.findings if data.verdict else []
    levels: dict[Literal["bad", "warn"], str] = {"bad": "stop", "warn": "warn"}
    for level, severity in levels.items():
        of_level = [index for index, finding in enumerate(findings) if finding.severity == severity]
        ranked = sorted(of_level, key=lambda index: _rank(findings[index]))
        for index in ranked[:_MAX_FINDINGS]:
            rows = _choose(data.finding_rows.get(index, ()))
            yield Item(level, findings[index].message, "findings", rows, _rank(findings[index]))
        if left := ranked[_MAX_FINDINGS:]:
            rules = ", ".join(dict.fromkeys(findings[index].rule for index in left))
            text = f"{pluralize(len(left), 'more finding')} of the data gate: {shorten(rules, 200)}"
            yield Item(level, text, "findings", rank=_NOTES)


def _rank(finding: Finding) -> int:
    return next((10 * place for place, rules in enumerate(_ORDER) if finding.rule in rules), _DRIFT)


def _choose(groups: RowGroups) -> list[DisplayedRow]:
    """The first rows of groups, whose note is their label: rows of one image stand side by side."""
    rows = [row for group in groups for row in group][:MAX_PICTURES]
    return [_caption(row, row.label) for row in rows]


def _caption(row: DisplayedRow, note: str) -> DisplayedRow:
    return DisplayedRow(row.id, row.split, row.label, row.description, note, row.thumbnail)


def _of_rows(data: ReportData) -> Iterator[Item]:
    rules = {finding.rule for finding in data.verdict.findings} if data.verdict else set()
    if data.account and (rejected := sum(data.account.rejects.values())) and "rejects" not in rules:
        reason = max(data.account.rejects, key=data.account.rejects.__getitem__)
        share = format_percent(rejected / data.account.rows)
        text = f"{pluralize(rejected, 'row')} ({share}) rejected, most for {reason}"
        yield Item("warn", text, "rejects", _show_rejects(data), _REJECTS)
    if data.profile is None:
        return
    for summary in data.profile.duplicates:
        exact = summary.kind == "exact"
        # The gate has seen every row: what it says of these images need not be said again.
        is_told = rules & {"straddling", "duplicates" if exact else "near_duplicates"}
        if summary.across_splits and not is_told:
            groups = [group.displayed for group in summary.displayed if len(group.splits) > 1]
            text = (
                f"{pluralize(summary.across_splits, 'group')} of {'equal' if exact else 'nearly equal'} images in "
                "several splits: what the model is tested on, it may have seen"
            )
            rows = [_caption(row, f"{row.split}: {row.label}") for group in groups for row in group][:MAX_PICTURES]
            yield Item("bad" if exact else "warn", text, "duplicates", rows, _LEAKS)
    if data.profile.groups and data.profile.groups.across_splits and "straddling" not in rules:
        names = join_names(data.profile.groups.across_splits, 3)
        yield Item("bad", f"groups are in several splits: {names}", "labels", rank=_LEAKS)


def _show_rejects(data: ReportData) -> list[DisplayedRow]:
    shown = sorted(data.reject_thumbnails)[:MAX_PICTURES]
    return [
        DisplayedRow(row.id or row.image, "", row.reason, row.detail, row.reason, data.reject_thumbnails[index])
        for index in shown
        for row in [data.rejects[index]]
    ]


def _of_labels(data: ReportData) -> Iterator[Item]:
    if data.suspicious and data.suspicious.ids:
        surest = data.suspicious.displayed[0]
        text = (
            f"{pluralize(len(data.suspicious.ids), 'row')} whose label the linear baseline contradicts: surest "
            f"'{shorten(surest.id, 80)}', given '{shorten(surest.label, 60)}', rather {shorten(surest.note, 80)}"
        )
        rows = [_caption(row, f"{row.label} → {row.note}") for row in data.suspicious.displayed[:MAX_PICTURES]]
        yield Item("warn", text, "suspicious", rows, _SUSPICIOUS)
    occurring = {label: figures for label, figures in data.per_label.items() if figures.get("support", 0) > 0}
    weak = [label for label, figures in occurring.items() if figures["f1"] < _LOW_F1]
    if not weak:
        return
    # Those first that cost most: an F1 of 0 on one row of test says little.
    weak.sort(key=lambda label: ((occurring[label]["f1"] - 1) * occurring[label]["support"], label))
    named = ", ".join(_describe_label(label, occurring[label]) for label in weak[:_MAX_WEAK_LABELS])
    text = (
        f"{len(weak):,} of {pluralize(len(occurring), 'label')} {'is' if len(weak) == 1 else 'are'} learned poorly (F1 "
        f"below {_LOW_F1:.0%}){', those that cost most are' if len(weak) > _MAX_WEAK_LABELS else ''}: {named}"
    )
    mistakes = data.predictions.mistakes if data.predictions else ()
    rows = [_caption(row, f"{row.label} → {row.note}") for row in mistakes if row.label in weak[:_MAX_WEAK_LABELS]]
    yield Item("warn", text, "model", rows[:MAX_PICTURES], _WEAK)


def _describe_label(label: str, figures: Metrics) -> str:
    return f"'{shorten(label, 60)}' {format_percent(figures['f1'])} of {pluralize(round(figures['support']), 'row')}"
