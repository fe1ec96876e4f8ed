"""The labels of rows, and what happens to labels in val and test that train lacks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from diptych.models.errors import OptionsError
from diptych.models.natural_order import natural_key
from diptych.models.options import Options

#: Whether each row has exactly one label, or any number of them.
Task = Literal["multiclass", "multilabel"]


class LabelOptions(Options):
    """What happens to labels in val and test that train lacks."""

    unknown: str | None = Field(
        None, min_length=1, description="The label of train that such a label counts as; without it the run is refused."
    )


def check_label_options(known: Collection[str], options: LabelOptions) -> None:
    """Checks that train has the label that unknown labels count as.

    Args:
        known: the labels of train.

    Raises:
        OptionsError: train lacks it; the message names some labels that train has.
    """
    if options.unknown is not None and options.unknown not in known:
        raise OptionsError(
            f"label.unknown: no row of train has the label '{options.unknown}'; name one that does: "
            f"{', '.join(sorted(known, key=natural_key)[:10])}{' ...' if len(known) > 10 else ''}"
        )
