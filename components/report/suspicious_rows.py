"""Rows whose labels the linear baseline contradicts, with their pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfx.dsl.io import fileio

from diptych.components.artifacts import SUSPICIOUS_LABELS_FILE
from diptych.components.report.report_data import DisplayedRow, SuspiciousLabel, SuspiciousLabels
from diptych.components.report.sampled_rows import SampledRows
from diptych.components.report.thumbnails import make_thumbnails
from diptych.models import features
from diptych.models.images.options import ImageOptions

#: The most rows that are shown with pictures: the page must stay small.
MAX_ROWS = 24


def read_suspicious_labels(linear_baseline: str) -> list[SuspiciousLabel] | None:
    """The lines of ``suspicious_labels.jsonl``; None if the baseline wrote none, as that of an earlier release.

    Raises:
        OSError, ValueError: the file is damaged.
    """
    path = os.path.join(linear_baseline, SUSPICIOUS_LABELS_FILE)
    if not fileio.exists(path):
        return None
    with fileio.open(path) as file:
        return [SuspiciousLabel.model_validate_json(line) for line in file]


def show_suspicious_labels(
    found: Sequence[SuspiciousLabel], rows: SampledRows, examples_uri: str, image: ImageOptions
) -> SuspiciousLabels:
    """The surest of them with their pictures. A description is shown if the row is among ``rows``.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as ``image`` says.
    """
    shown = found[:MAX_ROWS]
    places: dict[str, list[int]] = {}
    for each in shown:
        places.setdefault(each.split, []).append(each.place)
    thumbnails = make_thumbnails(examples_uri, places, image)
    descriptions = dict(zip(rows.values[features.ID], rows.values[features.DESCRIPTION], strict=True))
    displayed = [
        DisplayedRow(
            id=each.id,
            split=each.split,
            label=", ".join(each.given),
            description=descriptions.get(each.id, ""),
            note=f"{', '.join(each.suggested)} {each.confidence:.0%}",
            thumbnail=thumbnails.get((each.split, each.place)),
        )
        for each in shown
    ]
    return SuspiciousLabels([each.id for each in found], displayed)
