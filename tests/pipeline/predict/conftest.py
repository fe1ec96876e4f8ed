"""Models that predictions are made with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest


@pytest.fixture(scope="package")
def models_loaded_once() -> Iterator[None]:
    """Each folder's model is loaded once for all predictions of catalogues, which takes longer than most of them."""
    from diptych.models.pattern_signs import load_saved_model
    from diptych.pipeline.predict import catalogue

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "load_saved_model", cache(load_saved_model))
        yield
