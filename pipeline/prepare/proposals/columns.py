"""Which column has the image, the text, the label and so on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from diptych.components.catalogue.options import Columns
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES, InferredColumns, infer_columns
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.yaml_text import format_value

#: The roles of columns, each with what such a column holds.
ROLES = {
    "image": "the image's path or bytes",
    "description": "the text that describes the image",
    "label": "the class to learn",
    "id": "what identifies a row; without it, the image's path does",
    "split": "train, val or test; without it, Diptych splits",
    "split_by": "rows that are equal here stay in one split; without it, equal images do",
}
_TEXT = str(Columns().description)
_NUMBERS = re.compile(r"[-+\d.eE\s]*")
_COUNTED = ("label", "split", "split_by")


def propose_columns(evidence: Evidence) -> list[Decision]:
    """The column of each role that some column fits, by its name and values."""
    inferred = infer_columns([_without_text(row, evidence) for row in evidence.rows])
    return [_decision(role, column, inferred, evidence) for role, column in inferred.columns.items()]


def _without_text(row: Mapping[str, Any], evidence: Evidence) -> Mapping[str, Any]:
    """A row without a text of numbers alone: beside images in folders, that is no label, but a box of YOLO's."""
    text = row.get(_TEXT)
    if evidence.catalogue.kind != "folder" or not isinstance(text, str) or not _NUMBERS.fullmatch(text):
        return row
    return {name: value for name, value in row.items() if name != _TEXT}


def column_key(role: str) -> str:
    """The setting that names the column of a role."""
    return f"data.columns.{role}" if role in Columns.model_fields else f"data.{role}"


def _decision(role: str, column: str, inferred: InferredColumns, evidence: Evidence) -> Decision:
    reason = ROLES[role].partition(";")[0]
    if role in _COUNTED:
        different = set(map(str, evidence.values(column)))
        reason += f"; {pluralize(len(different), 'different value')}"
        if role == "label" and len(different) == 1:
            reason += ", so there is nothing to tell apart"
    # In folders, the image is the file.
    has_others = role in REQUIRED_ROLES and not (role == "image" and evidence.catalogue.kind == "folder")
    others = inferred.alternatives.get(role, ()) if has_others else ()
    return Decision(column_key(role), column, reason, [f"{column_key(role)}: {format_value(name)}" for name in others])
