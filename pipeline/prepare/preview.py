"""Previews a catalogue: a sample of its rows and images, and what is decided of how to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import Columns, DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError, check_unique, listed
from diptych.components.catalogue.reasons import printable
from diptych.models.credentials import refuse_credentials
from diptych.models.errors import DiptychError
from diptych.pipeline.prepare.proposals.columns import propose_columns
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence, apply_decisions
from diptych.pipeline.prepare.proposals.encodings import propose_encoding
from diptych.pipeline.prepare.proposals.labels import propose_labels
from diptych.pipeline.prepare.proposals.null_values import propose_null_values
from diptych.pipeline.prepare.proposals.paths import propose_paths
from diptych.pipeline.prepare.proposals.repeated_images import propose_repeated_images
from diptych.pipeline.prepare.proposals.sizes import images_opened, propose_size
from diptych.pipeline.prepare.proposals.splits import propose_splits
from diptych.pipeline.prepare.proposals.tables import field_names, propose_table
from diptych.pipeline.prepare.proposals.texts import propose_texts
from diptych.pipeline.prepare.yaml_text import format_value

_MAX_ROWS = 1000
# In this order: each sees the catalogue as the decisions before it read it.
_PROPOSALS: Sequence[Callable[[Evidence], list[Decision]]] = (
    propose_columns,
    propose_null_values,
    propose_paths,
    propose_labels,
    propose_texts,
    propose_splits,
    propose_repeated_images,
)


class PreviewError(DiptychError):
    """No column of the catalogue holds images; the message names its columns."""


@dataclass(frozen=True)
class CataloguePreview:
    """What a sample of a catalogue shows.

    Attributes:
        evidence: the sample, and the catalogue read by all decisions.
        decisions: what was decided, in the order in which it was.
        images_opened: the number of images of the sample that could be opened, out of those that were tried.
    """

    evidence: Evidence
    decisions: Sequence[Decision]
    images_opened: int

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, read by the decisions."""
        return self.evidence.catalogue

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The sampled rows, each from column to value."""
        return self.evidence.rows

    def decision(self, key: str) -> Decision | None:
        """What was decided of a setting."""
        return next((decision for decision in self.decisions if decision.key == key), None)


def preview_catalogue(catalogue: str) -> CataloguePreview:
    """Reads a sample of a catalogue's rows and images, and decides how to read it.

    Args:
        catalogue: as ``data.catalogue``; a relative path is relative to the working directory.

    Raises:
        PreviewError: no column holds images.
        CatalogueError, SpanError: there is no catalogue, or it cannot be read.
        OptionsError: its URL holds credentials.
    """
    opened = Catalogue.open(DataOptions(catalogue=refuse_credentials(catalogue)))
    decisions = {decision.key: decision for decision in propose_encoding(opened)}
    opened = apply_decisions(opened, decisions.values())
    decisions |= {decision.key: decision for decision in propose_table(opened)}
    opened = apply_decisions(opened, decisions.values())
    rows = opened.sample(_MAX_ROWS)
    evidence = Evidence(opened, [_with_printable_names(row) for _, row in rows], [source for source, _ in rows])
    for propose in _PROPOSALS:
        proposed = propose(evidence)
        decisions |= {decision.key: decision for decision in proposed}
        evidence = evidence.decided(proposed)
    if "data.columns.image" not in decisions:
        raise PreviewError(_no_image_message(evidence, decisions.values()))
    check_unique(field_names(opened), evidence.data, opened.sources[0])
    decisions |= {decision.key: decision for decision in propose_size(evidence)}
    return CataloguePreview(evidence, list(decisions.values()), images_opened(evidence.images))


def _with_printable_names(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row without the columns that no settings file can name, because their names are no text of the encoding."""
    return {name: value for name, value in row.items() if printable(name) == name}


def _no_image_message(evidence: Evidence, decisions: Iterable[Decision]) -> str:
    source = evidence.catalogue.sources[0]
    if not evidence.columns:
        return f"'{source}' has no row that can be read{_first_problem(evidence.catalogue)}"
    columns = listed(map(format_value, evidence.columns))
    default = Columns().image
    # They may be what is wrong.
    read = "".join(
        f"; {decision.key} was taken to be {format_value(decision.value)}: {decision.reason}"
        for decision in decisions
        if decision.key.startswith("data.table.")
    )
    return (
        f"no column of '{source}' holds paths or bytes of images; its columns are {columns}{read}; "
        f"write a diptych.yaml whose data.columns.{default} says how their paths are made"
    )


def _first_problem(catalogue: Catalogue) -> str:
    """What is wrong with the first row that cannot be read, after a colon; empty if nothing is known."""
    try:
        problems = (row.problem for _, row in islice(catalogue.rows(), _MAX_ROWS) if row.problem)
        return next((f": {detail}" for _, detail in problems), "")
    except CatalogueError as error:
        return f": {str(error).removeprefix('data.catalogue: ')}"
