"""Decisions: what ``diptych init`` chose for a catalogue, and why; and the evidence that they are taken from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.cell_text import is_null
from diptych.components.catalogue.readers.class_names import load_class_names
from diptych.components.catalogue.readers.row_files import read_image_file
from diptych.components.catalogue.readers.rows import Row, make_row
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.samples import evenly_spaced

# So many images are opened, from all over the sample.
_MAX_IMAGES = 50
_MAX_FAILURES = 2


@dataclass(frozen=True)
class Decision:
    """The value of one setting.

    Attributes:
        key: the setting, with dots: ``data.label_separator``.
        value: what YAML can hold.
        reason: what speaks for it, as a phrase for a person: "';' in 53 of 300 cells". It becomes the comment of the
            line in the settings file, and part of what ``init`` prints.
        alternatives: what the catalogue may mean instead, each as a phrase: "data.class_folder: leaf, if the inner
            folders are the classes". With any, ``init`` says that it was unsure.
    """

    key: str
    value: Any
    reason: str
    alternatives: Sequence[str] = ()


@dataclass(frozen=True)
class Evidence:
    """What the proposals see of a catalogue.

    Attributes:
        catalogue: opened, read by the decisions that have been taken.
        rows: a sample of the rows of the whole catalogue, each from column to value.
        sources: the URI of the source of each row of the sample.
    """

    catalogue: Catalogue
    rows: Sequence[Mapping[str, Any]]
    sources: Sequence[str]

    @property
    def data(self) -> DataOptions:
        """The options by which the catalogue is read."""
        return self.catalogue.data

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order of the rows."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def values(self, column: str) -> list[Any]:
        """The values of a column that are neither missing nor an empty text, nor one that stands for no value."""
        empty = {"", *self.data.null_values}
        values = (row.get(column) for row in self.rows)
        return [value for value in values if value is not None and not is_null(value, empty)]

    def row(self, place: int) -> Row:
        """A row of the sample, read by the decisions that have been taken."""
        return make_row(place + 1, self.rows[place], self.data)

    @cached_property
    def images(self) -> list[bytes]:
        """The contents of those images of some rows that can be read, from all over the sample.

        Of a store that does not answer, no more are asked for.
        """
        found: list[bytes] = []
        failures = 0
        for place in evenly_spaced(range(len(self.rows)), _MAX_IMAGES):
            try:
                if (content := self._image(place)) is not None:
                    found.append(content)
            except RowError as error:
                # A run says what is wrong with each image.
                failures += error.reason == "fetch_failed"
                if failures == _MAX_FAILURES:
                    break
        return found

    def decided(self, decisions: Iterable[Decision]) -> Evidence:
        """The same sample, read by further decisions; those of other sections than ``data`` change nothing."""
        return replace(self, catalogue=apply_decisions(self.catalogue, decisions))

    def _image(self, place: int) -> bytes | None:
        row = self.row(place)
        if row.content is not None:
            return row.content
        if row.problem or not row.image:
            return None
        return read_image_file(self.catalogue.images_root(self.sources[place]), row.image, self.data)


def apply_decisions(catalogue: Catalogue, decisions: Iterable[Decision]) -> Catalogue:
    """The same catalogue, read by the decisions of the section ``data``.

    Raises:
        ValueError: a decision names no setting, or has a value that the setting cannot have.
        CatalogueError: the file of ``data.class_names`` cannot be read.
    """
    values = catalogue.data.model_dump()
    for decision in decisions:
        section, *parents, key = decision.key.split(".")
        if section != "data":
            continue
        part = values
        for parent in parents:
            part = part[parent]
        part[key] = decision.value
    return replace(catalogue, data=load_class_names(DataOptions(**values)))
