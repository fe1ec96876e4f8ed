"""The page of ``diptych check``: some rows of each label, rejects and findings, with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.samples import evenly_spaced
from diptych.components.data_gate.rule_descriptions import describe_rules
from diptych.components.data_gate.rules import TEXT_RULE_KEYS
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.report.catalogue_page import CataloguePage, LabelRows, render_catalogue_page
from diptych.components.report.finding_rows import choose_rows, group_by_image
from diptych.components.report.report_data import DisplayedRow, Finding, GateRule, RejectedRow, Thumbnail
from diptych.components.report.small_pictures import REASONS_OTHER_THAN_IMAGE
from diptych.models import features
from diptych.models.atomic_files import write_text
from diptych.models.natural_order import natural_key
from diptych.pipeline.prepare.check import CheckResult
from diptych.pipeline.prepare.pictures import SIDE, RowOrigin, read_pictures
from diptych.pipeline.settings import Settings

# About so many pictures of labels, and at most so many of rejects: of photographs, the page takes up to 5 MB.
_MAX_PICTURES, _MAX_REJECT_PICTURES = 400, 40
_MAX_LABELS, _FEWEST_ROWS, _MOST_ROWS = 60, 6, 24
# Of a label's pictures, train has this share.
_SHARE_OF_TRAIN = 0.5


@dataclass(frozen=True)
class _Place:
    """A row that becomes an example: its split and its index in it."""

    split: str
    index: int


def write_check_page(result: CheckResult, settings: Settings, path: str, rejects_file: str) -> None:
    """Reads the rows again that are shown, and writes the page.

    Args:
        rejects_file: the name of the file with all rejects.

    Raises:
        CatalogueError: the catalogue cannot be read, or changed meanwhile.
        OSError: the file cannot be written.
    """
    write_text(path, render_catalogue_page(make_check_page(result, settings, rejects_file)), errors="replace")


def make_check_page(result: CheckResult, settings: Settings, rejects_file: str) -> CataloguePage:
    """What the page shows; see ``write_check_page``."""
    findings = [Finding.model_validate(finding.as_json()) for finding in result.findings]
    of_labels = _choose_by_label(result)
    of_findings = choose_rows(findings, _places_of(result, findings))
    of_rejects = _choose_rejects(result)
    chosen = [place for places in (*of_labels.values(), *of_findings.values()) for place in places]
    wanted = {*(_origin(result, place) for place in chosen), *of_rejects.values()}
    pictures = read_pictures(Catalogue.open(settings.data), settings.image, wanted) if wanted else {}

    def display(place: _Place) -> DisplayedRow:
        rows = result.splits[place.split]
        return DisplayedRow(
            id=rows.ids[place.index],
            split=place.split,
            label=", ".join(rows.labels[place.index]),
            description=rows.texts[features.DESCRIPTION][place.index],
            thumbnail=pictures.get(_origin(result, place)),
        )

    def digest(place: _Place) -> str:
        return result.splits[place.split].texts[features.SHA256][place.index]

    without_data = {*result.not_applied, *(() if settings.text else TEXT_RULE_KEYS)}
    return CataloguePage(
        title=settings.name,
        catalogue=settings.data.catalogue,
        passes=result.passes,
        rows=result.rows,
        facts=_describe_rows(result),
        stored=_describe_images(settings),
        examples=result.examples,
        labels=result.labels,
        label_rows=[
            LabelRows(label, result.labels[label], [display(place) for place in places])
            for label, places in of_labels.items()
        ],
        rejects=[RejectedRow.model_validate(reject.as_json()) for reject in result.rejects],
        rejects_file=rejects_file,
        findings=findings,
        reject_pictures=_found(of_rejects, pictures),
        finding_rows={
            number: group_by_image([display(place) for place in places], [digest(place) for place in places])
            for number, places in of_findings.items()
        },
        rules=[GateRule.model_validate(rule) for rule in describe_rules(settings.gate, without_data)],
        not_applied=result.not_applied,
        declared=result.declared.describe() if result.declared else "",
    )


def _origin(result: CheckResult, place: _Place) -> RowOrigin:
    return result.origins[place.split][place.index]


def _found(origins: dict[int, RowOrigin], pictures: dict[RowOrigin, Thumbnail]) -> dict[int, Thumbnail]:
    return {index: pictures[origin] for index, origin in origins.items() if origin in pictures}


def _places_of(result: CheckResult, findings: Sequence[Finding]) -> dict[str, _Place]:
    """The places of the rows that findings name."""
    named = {row_id for finding in findings for row_id in finding.ids}
    return {
        row_id: _Place(split, index)
        for split, rows in result.splits.items()
        for index, row_id in enumerate(rows.ids)
        if row_id in named
    }


def _choose_by_label(result: CheckResult) -> dict[str, list[_Place]]:
    """Some rows of each of the most frequent labels, in natural order of the labels; more if there are fewer labels."""
    frequent = sorted(result.labels, key=lambda label: (-sum(result.labels[label].values()), natural_key(label)))
    shown = sorted(frequent[:_MAX_LABELS], key=natural_key)
    if not shown:
        return {}
    most = min(max(_MAX_PICTURES // len(shown), _FEWEST_ROWS), _MOST_ROWS)
    of_train = round(most * _SHARE_OF_TRAIN)
    held_out = (most - of_train) // 2
    chosen: dict[str, list[_Place]] = {label: [] for label in shown}
    for split, rows in result.splits.items():
        for label, indices in _indices_by_label(rows).items():
            if label in chosen:
                count = of_train if split == features.TRAIN else held_out
                chosen[label] += [_Place(split, index) for index in evenly_spaced(indices, count)]
    return chosen


def _indices_by_label(rows: SplitRows) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, labels in enumerate(rows.labels):
        for label in labels:
            found.setdefault(label, []).append(index)
    return found


def _choose_rejects(result: CheckResult) -> dict[int, RowOrigin]:
    """The first rejects whose image is no reason to reject them, by their index."""
    shown = [index for index, reject in enumerate(result.rejects) if reject.reason in REASONS_OTHER_THAN_IMAGE]
    rejects = {index: result.rejects[index] for index in shown[:_MAX_REJECT_PICTURES]}
    return {index: RowOrigin(reject.source, reject.row, reject.image) for index, reject in rejects.items()}


def _describe_rows(result: CheckResult) -> dict[str, str]:
    """Name to value of what the rows are like; empty without rows."""
    splits = [rows for rows in result.splits.values() if rows.ids]
    if not splits:
        return {}
    sides = [np.concatenate([rows.numbers[name] for rows in splits]) for name in (features.WIDTH, features.HEIGHT)]
    width, height = (f"{np.median(side):g}" for side in sides)
    usual = "" if all(np.ptp(side) == 0 for side in sides) else ", median"
    facts = {f"Width × height of originals{usual}": f"{width} × {height}"}
    lengths = [len(text) for rows in splits for text in rows.texts[features.DESCRIPTION]]
    if any(lengths):
        facts["Characters of descriptions, median"] = f"{np.median(lengths):g}"
    return facts


def _describe_images(settings: Settings) -> str:
    image = settings.image
    size = f"{image.width} × {image.height} pixels, image.aspect {image.aspect}, image.background {image.background}"
    return f"{size}, here shrunk to {SIDE}" if max(image.width, image.height) > SIDE else size
