"""Makes rows that the page shows with their pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from diptych.components.report.finding_rows import choose_rows, group_by_image
from diptych.components.report.report_data import DisplayedRow, Finding, Thumbnail
from diptych.components.report.sampled_rows import SampledRows
from diptych.components.report.thumbnails import make_thumbnails
from diptych.models import features
from diptych.models.images.options import ImageOptions


@dataclass(frozen=True)
class Gallery:
    """Rows, and the thumbnails of some of them by split and index in the split."""

    rows: SampledRows
    thumbnails: Mapping[tuple[str, int], Thumbnail]

    def display(self, index: int, note: str = "") -> DisplayedRow:
        """The row at an index, with its picture and a note."""
        values, split = self.rows.values, self.rows.split[index]
        return DisplayedRow(
            id=values[features.ID][index],
            split=split,
            label=", ".join(self.rows.labels[index]),
            description=values[features.DESCRIPTION][index],
            note=note,
            thumbnail=self.thumbnails.get((split, int(self.rows.place[index]))),
        )


def show_rows_of_findings(
    findings: Sequence[Finding], rows: SampledRows, examples_uri: str, image: ImageOptions
) -> dict[int, list[list[DisplayedRow]]]:
    """Index of a finding to some of its rows with their pictures, those of one image together.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as ``image`` says.
    """
    named = {row_id for finding in findings for row_id in finding.ids}
    ids = rows.values[features.ID].tolist()
    chosen = choose_rows(findings, {row_id: index for index, row_id in enumerate(ids) if row_id in named})
    gallery = make_gallery(rows, [index for of_finding in chosen.values() for index in of_finding], examples_uri, image)
    digests = rows.values[features.SHA256]
    return {
        number: group_by_image([gallery.display(index) for index in indices], digests[indices].tolist())
        for number, indices in chosen.items()
    }


def make_gallery(rows: SampledRows, indices: Iterable[int], examples_uri: str, image: ImageOptions) -> Gallery:
    """Makes the thumbnails of the rows at some indices, reading every file once.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as ``image`` says.
    """
    places: dict[str, list[int]] = {}
    for index in indices:
        places.setdefault(rows.split[index], []).append(int(rows.place[index]))
    return Gallery(rows, make_thumbnails(examples_uri, places, image))
