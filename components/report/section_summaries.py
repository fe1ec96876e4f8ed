"""What a folded section of the page says of itself."""

from __future__ import annotations

from diptych.components.report.formatting import format_percent, shorten
from diptych.components.report.report_data import ReportData
from diptych.models import features
from diptych.models.counts import pluralize


def summarize_sections(data: ReportData) -> dict[str, str]:
    """Id of a section to one line about it; empty where there is nothing to tell."""
    return {
        "model": _say_model(data),
        "labels": _say_labels(data),
        "gallery": _say_gallery(data),
        "findings": _say_findings(data),
        "rejects": _say_rejects(data),
        "images": _say_images(data),
        "text": _say_text(data),
        "features": pluralize(len(data.statistics), "feature") if data.statistics else "",
        "run": _say_run(data),
    }


def _say_model(data: ReportData) -> str:
    epochs = max((len(points) for runs in data.training_curves.values() for points in runs.values()), default=0)
    return pluralize(epochs, "epoch") if epochs else ""


def _say_labels(data: ReportData) -> str:
    if data.account is None or not data.account.labels:
        return ""
    counts = {label: splits.get(features.TRAIN, 0) for label, splits in data.account.labels.items()}
    most, fewest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    of_train = (
        f"in train {counts[fewest]:,} ({shorten(fewest, 40)}) to {counts[most]:,} ({shorten(most, 40)}) rows each"
    )
    return f"{pluralize(len(counts), 'label')}, {of_train}"


def _say_gallery(data: ReportData) -> str:
    if data.gallery is None:
        return ""
    shown, total = len(data.gallery.rows), data.gallery.total
    if shown == total:
        return f"all {pluralize(total, 'row')}, by split, label, prediction and finding"
    return f"{shown:,} of {total:,} rows, those of findings and others evenly spread"


def _say_findings(data: ReportData) -> str:
    findings = data.verdict.findings if data.verdict else []
    rules = ", ".join(dict.fromkeys(finding.rule for finding in findings))
    anomalies = f"{len(data.anomalies)} {'anomaly' if len(data.anomalies) == 1 else 'anomalies'}"
    found = f"{pluralize(len(findings), 'finding')}{': ' if rules else ''}{shorten(rules, 200)}"
    return f"{found}; {anomalies}" if data.verdict else ""


def _say_rejects(data: ReportData) -> str:
    if data.account is None:
        return ""
    rejects = data.account.rejects
    return ", ".join(f"{reason} {count:,}" for reason, count in rejects.items()) or "none"


def _say_images(data: ReportData) -> str:
    if data.profile is None:
        return ""
    groups = {summary.kind: summary.groups for summary in data.profile.duplicates}
    equal, alike = groups.get("exact", 0), groups.get("near", 0)
    return f"{pluralize(equal, 'group')} of equal images, {pluralize(alike, 'group')} of nearly equal ones"


def _say_text(data: ReportData) -> str:
    text = data.profile.text if data.profile else None
    if text is None:
        return ""
    empty, unknown = sum(text.empty.values()), text.unknown_share.get(features.TEST)
    lacks = f", {format_percent(unknown)} of the terms of test are not in train" if unknown is not None else ""
    return f"{empty:,} empty{lacks}"


def _say_run(data: ReportData) -> str:
    told = [
        f"{pluralize(len(data.settings), 'setting')} not as by default" if data.settings else "",
        f"{sum(usage.seconds for usage in data.usage.values()):,.0f} seconds" if data.usage else "",
        pluralize(len(data.lineage.artifacts), "artifact") if data.lineage.artifacts else "",
    ]
    return ", ".join(filter(None, told))
