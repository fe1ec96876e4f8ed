"""Labels: what a row's label may be, and what becomes of one that training has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Literal

from pydantic import Field

from diptych.models.errors import OptionsError
from diptych.models.options import Options

#: One label of several for each row, or any number of them.
Task = Literal["multiclass", "multilabel"]


class LabelOptions(Options):
    """What becomes of labels in val and test that train lacks."""

    unknown: str | None = Field(
        None, min_length=1, description="The label of train that such a label counts as; without it the run is refused."
    )


def check_labels(known: Collection[str], options: LabelOptions) -> None:
    """Checks that train has the label that unknown ones count as.

    Raises:
        ValueError: it does not; the message names some that train has.
    """
    if options.unknown is not None and options.unknown not in known:
        raise OptionsError(
            f"label.unknown: no row of train has the label '{options.unknown}'; name one that does: "
            f"{', '.join(sorted(known)[:10])}{' ...' if len(known) > 10 else ''}"
        )


def unknown_labels(labels: Iterable[str], known: Collection[str], options: LabelOptions) -> dict[str, int]:
    """The labels for which a run must be refused, each with how often it occurs; none if ``unknown`` maps them.

    Args:
        labels: those of the rows of a split, one by one.
        known: the labels of train.

    Raises:
        ValueError: as ``check_labels``.
    """
    check_labels(known, options)
    if options.unknown is not None:
        return {}
    among = frozenset(known)
    return dict(Counter(label for label in labels if label not in among))
