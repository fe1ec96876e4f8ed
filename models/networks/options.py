"""Options of the networks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.options import Options


class NetworkOptions(Options):
    """A compact CNN over the image, joined with the bag of words."""

    filters: tuple[int, ...] = Field(
        (32, 64, 128), min_length=1, max_length=8, description="Filters of each block; each block halves the image."
    )
    image_units: int = Field(128, ge=1, description="Size of the image's embedding.")
    text_units: int = Field(64, ge=1, description="Size of the text's embedding.")
    dropout: float = Field(0.3, ge=0, lt=1)
    augment: bool = Field(False, description="Whether images are shifted, zoomed and turned a little in training.")
    pixels: Literal["unit", "imagenet"] = Field(
        "unit", description="'unit' scales to 0..1; 'imagenet' turns RGB to BGR and subtracts ImageNet's mean."
    )
