"""Labels: what a row's label may be, and what becomes of one that training has not seen."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.options import Options

#: One label of several for each row, or any number of them.
Task = Literal["multiclass", "multilabel"]


class LabelOptions(Options):
    """What becomes of labels in val and test that train lacks."""

    unknown: str | None = Field(
        None, min_length=1, description="The label of train that such a label counts as; without it the run is refused."
    )
