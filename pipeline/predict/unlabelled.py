"""Reads catalogues without labels. This module imports little, because every process that decodes images imports it."""

from __future__ import annotations

from dataclasses import replace

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Row

# Stands for the name of the label column and for the label of each row.
_PLACEHOLDER = "(no label)"


class UnlabelledDataOptions(DataOptions):
    """The options of a catalogue whose labels, splits and groups are not read."""

    @property
    def used_columns(self) -> dict[str, str]:
        """As in ``DataOptions``, without the label column."""
        return {column: setting for column, setting in super().used_columns.items() if column != _PLACEHOLDER}


def ignore_labels(data: DataOptions) -> UnlabelledDataOptions:
    """Options to read the same catalogue without its labels, splits and groups."""
    values = data.model_dump()
    values |= {"columns": values["columns"] | {"label": _PLACEHOLDER, "split": None}}
    return UnlabelledDataOptions(
        **values
        | {"labels": None, "several_labels": False, "label_separator": None, "split_by": None, "straddling": "report"}
    )


def add_placeholder_label(row: Row) -> Row:
    """The same row with a placeholder for its label, because a record must have one."""
    return replace(row, labels=(_PLACEHOLDER,))
