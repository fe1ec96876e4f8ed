"""A catalogue whose labels nobody asks for, or that has none. Light, for decoding processes import it."""

from __future__ import annotations

from dataclasses import replace

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Row

#: Stands for the column and for the label of each row.
_NO_LABEL = "(no label)"


class UnlabelledData(DataOptions):
    """A catalogue that is read without its labels, splits and groups."""

    @property
    def used_columns(self) -> dict[str, str]:
        """As ``DataOptions``, less the label's column."""
        return {setting: name for setting, name in super().used_columns.items() if name != _NO_LABEL}


def without_labels(data: DataOptions) -> UnlabelledData:
    """The same catalogue, read without its labels, splits and groups."""
    values = data.model_dump()
    values |= {"columns": values["columns"] | {"label": _NO_LABEL, "split": None}}
    return UnlabelledData(**values | {"labels": None, "label_separator": None, "split_by": None})


def with_stand_in(row: Row) -> Row:
    """A row with a label, which a record must have."""
    return replace(row, labels=(_NO_LABEL,))
