"""The labels: where they stand, how many a row has, and how numbers are named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from diptych.components.catalogue.readers.folder import folder_label
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.proposals.class_folders import propose_class_folder
from diptych.pipeline.prepare.proposals.class_name_files import propose_class_names
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.proposals.label_columns import propose_label_columns
from diptych.pipeline.prepare.proposals.one_hot import propose_one_hot
from diptych.pipeline.prepare.proposals.several_labels import propose_several_labels
from diptych.pipeline.prepare.proposals.unread_files import find_unread, summarize

_KEY = "data.columns.label"
# Tables that do not tell numbers from texts.
_KINDS_OF_TEXT = ("csv", "tsv", "imagefolder")
_WHOLE_FLOAT = re.compile(r"-?\d+\.0")


def propose_labels(evidence: Evidence) -> list[Decision]:
    """What a sample says of the labels, beyond the column that holds them.

    A decision on a setting that was decided before takes its place.
    """
    decisions: list[Decision] = []
    for propose in (
        propose_class_folder,
        propose_one_hot,
        propose_label_columns,
        propose_several_labels,
        propose_class_names,
        _propose_whole_numbers,
        _propose_lone_folder,
    ):
        proposed = propose(evidence)
        before, evidence = evidence, evidence.decided(proposed)
        if evidence.data.class_folder != before.data.class_folder:
            evidence = _labelled_anew(before, evidence)
            proposed.append(_label_of_folders(evidence))
        decisions += proposed
    return decisions


def _labelled_anew(before: Evidence, after: Evidence) -> Evidence:
    """The evidence with the labels of the class folders that have been decided on."""
    image, label = after.data.columns.image, str(after.data.columns.label)

    def relabelled(row: Mapping[str, Any]) -> Mapping[str, Any]:
        is_of_folder = row.get(label) == folder_label(str(row[image]), before.data)
        return {**row, label: folder_label(str(row[image]), after.data)} if is_of_folder else row

    return replace(after, rows=[relabelled(row) for row in after.rows])


def _label_of_folders(evidence: Evidence) -> Decision:
    column = str(evidence.data.columns.label)
    count = len({str(value) for value in evidence.values(column)})
    return Decision(_KEY, column, f"the class to learn: the names of folders; {pluralize(count, 'different value')}")


def _propose_lone_folder(evidence: Evidence) -> list[Decision]:
    """Says what is not read, where all images lie in one class folder, as in ``images``."""
    column = evidence.data.columns.label
    labels = {str(value) for value in evidence.values(column)} if isinstance(column, str) else set()
    if len(labels) != 1 or not (unread := find_unread(evidence)):
        return []
    reason = f"the class to learn; all images lie in the folder '{labels.pop()}', so there is nothing to tell apart"
    other = f"a table, or COCO's JSON, if the labels are in {summarize(unread)}, which a folder's reader does not read"
    return [Decision(_KEY, column, reason, [other])]


def _propose_whole_numbers(evidence: Evidence) -> list[Decision]:
    """Says that whole floats are read as whole numbers."""
    column = evidence.data.columns.label
    values = evidence.values(column) if isinstance(column, str) else []
    types = (str, float) if evidence.catalogue.kind in _KINDS_OF_TEXT else float
    floats = [value for value in values if isinstance(value, types) and _WHOLE_FLOAT.fullmatch(str(value))]
    if not floats or evidence.data.class_names:
        return []
    whole = str(floats[0])
    reason = f"the class to learn; {whole} is read as {whole.removesuffix('.0')}"
    if len(values) < len(evidence.rows):
        reason += ", for labels that are missing make floats of numbers"
    return [Decision(_KEY, column, reason)]
