"""What the catalogue is and how it is read and split."""

from __future__ import annotations

from math import isclose

from pydantic import Field, field_validator, model_validator

from models.features import SPLITS
from models.options import Options


class Columns(Options):
    """Names of the catalogue's columns."""

    image: str = Field("image", min_length=1, description="Path of the image, relative to data.images_root.")
    description: str = Field("description", min_length=1, description="The text that describes the image.")
    label: str = Field("label", min_length=1, description="The class to learn.")
    id: str | None = Field(None, min_length=1, description="Row identity; without it, the image path.")


class SplitRatios(Options):
    """Shares of the three splits; they add up to 1."""

    train: float = Field(0.8, gt=0, lt=1)
    val: float = Field(0.1, gt=0, lt=1)
    test: float = Field(0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _adds_up(self) -> SplitRatios:
        total = sum(getattr(self, split) for split in SPLITS)
        if not isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the shares of {', '.join(SPLITS)} must add up to 1, they add up to {total:g}")
        return self


# TFX reads an input's name as a pattern.
_PATTERN_CHARACTERS = set("*?[]{}")


class DataOptions(Options):
    """The catalogue, its columns and its splits."""

    catalogue: str = Field(min_length=1, description="A CSV or JSONL file, one row per image.")
    images_root: str | None = Field(None, description="Folder of the image paths; without it, the catalogue's.")
    columns: Columns = Columns()
    splits: SplitRatios = SplitRatios()
    split_by: str | None = Field(
        None, min_length=1, description="Column whose equal values stay in one split; without it, equal pixels do."
    )
    schema_file: str | None = Field(
        None, description="A curated schema (protobuf text); without it, one is inferred from the data."
    )
    seed: int = Field(0, description="Another seed gives another split.")
    rows_per_shard: int = Field(500, ge=1, description="Rows of the catalogue that share one set of TFRecord files.")

    @field_validator("catalogue")
    @classmethod
    def _is_no_pattern(cls, value: str) -> str:
        if _PATTERN_CHARACTERS & set(value.rpartition("/")[2]):
            raise ValueError("the file's name must hold none of * ? [ ] { }: rename the file")
        return value

    @property
    def used_columns(self) -> dict[str, str]:
        """Setting name to column name, of every column the catalogue must have."""
        names = {f"data.columns.{key}": value for key, value in self.columns.model_dump().items() if value}
        return {**names, "data.split_by": self.split_by} if self.split_by else names
