"""Renders the page of ``diptych check``: what a run would make of a catalogue, with pictures. It runs no script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diptych.components.report.finding_rows import RowGroups, show_findings
from diptych.components.report.page import make_environment
from diptych.components.report.reject_tables import group_rejects, rejects_csv_uri
from diptych.components.report.report_data import DisplayedRow, Finding, GateRule, RejectedRow, Thumbnail
from diptych.components.report.statistics_tables import make_label_table


@dataclass(frozen=True)
class LabelRows:
    """Some rows of a label, those of train first, and the number of its examples in each split."""

    label: str
    counts: Mapping[str, int]
    rows: Sequence[DisplayedRow]


@dataclass(frozen=True)
class CataloguePage:
    """Everything on the page.

    Attributes:
        title: the name of the settings.
        catalogue: as the settings name it.
        passes: whether a run would pass.
        facts: what the rows are like: name to value, in words.
        stored: how the model gets the images, in words.
        examples: split to number of examples.
        declared: how the catalogue declares the splits, in words; empty if it does not.
        labels: label to split to number of examples.
        label_rows: some rows of each label that is shown.
        rejects_file: the name of the file with all rejects.
        reject_pictures: index in ``rejects`` to picture.
        finding_rows: index in ``findings`` to some of its rows.
        rules: what was looked for.
        not_applied: names of the rules that only a run applies.
    """

    title: str
    catalogue: str
    passes: bool
    rows: int
    facts: Mapping[str, str]
    stored: str
    examples: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    label_rows: Sequence[LabelRows]
    rejects: Sequence[RejectedRow]
    rejects_file: str
    findings: Sequence[Finding]
    reject_pictures: Mapping[int, Thumbnail] = field(default_factory=dict)
    finding_rows: Mapping[int, RowGroups] = field(default_factory=dict)
    rules: Sequence[GateRule] = ()
    not_applied: Sequence[str] = ()
    declared: str = ""


def render_catalogue_page(page: CataloguePage) -> str:
    """The HTML of the page."""
    counts = Counter(reject.reason for reject in page.rejects)
    return (
        make_environment()
        .get_template("catalogue.html")
        .render(
            page=page,
            findings=show_findings(page.findings, page.finding_rows),
            empty=[split for split, number in page.examples.items() if not number],
            reject_groups=group_rejects(counts, page.rejects),
            rejects_csv=rejects_csv_uri(page.rejects),
            label_table=make_label_table(page.labels, page.examples),
        )
    )
