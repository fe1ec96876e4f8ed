"""Whether several rows name one image: boxes, or a label each."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice

from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence

_SEVERAL = "data.several_labels"
_KINDS = ("csv", "tsv", "jsonl", "json", "xlsx", "ods")
# Rows of one image follow one another, and a sample of the whole catalogue may have only one of them.
_FIRST_ROWS = 2000
_BOX = re.compile(r"(x_?min|x_?max|y_?min|y_?max|[xy][12]|bbox.*|bndbox.*|(left|right)_?[xy]?)", re.IGNORECASE)
_MIN_BOX_COLUMNS = 2


def propose_repeated_images(evidence: Evidence) -> list[Decision]:
    """Says that each row is an example of its own where rows of one image have different labels."""
    if evidence.catalogue.kind not in _KINDS or evidence.data.has_several_labels:
        return []
    labels_of_image: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    rows = _first_rows(evidence)
    for row in rows:
        labels_of_image[row.image].add(row.labels)
    several = sum(len(labels) > 1 for labels in labels_of_image.values())
    boxes = [column for column in evidence.columns if _BOX.fullmatch(column)]
    if not several and (len(boxes) < _MIN_BOX_COLUMNS or len(labels_of_image) == len(rows)):
        return []
    reason = f"the first {len(rows):,} rows name {pluralize(len(labels_of_image), 'image')}"
    if several:
        reason += f", {several:,} of them with different labels"
    if boxes:
        reason += f"; {', '.join(boxes[:4])} are the columns of boxes"
    joined = f"{_SEVERAL}: true, once each image has one row with the list of its labels, as in COCO's JSON"
    return [Decision(_SEVERAL, False, f"{reason}; each row is an example of one label", [joined])]


def _first_rows(evidence: Evidence) -> list[Row]:
    """The first rows that have an image and a label."""
    try:
        first = [row for _, row in islice(evidence.catalogue.rows(), _FIRST_ROWS)]
    except CatalogueError:
        # A column is missing, which is said elsewhere.
        return []
    return [row for row in first if row.image and row.labels and row.content is None]
