"""The graph that Transform wrote, as a module that a SavedModel can hold."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader


class TransformGraph(tf.Module):
    """Raw features to transformed ones; a transformed feature that lacks an input is left out.

    TFT's own ``transform_features_layer`` is a Keras 2 model, for which saving traces every way it might be called:
    export took four times as long.
    """

    def __init__(self, transform: tft.TFTransformOutput) -> None:
        super().__init__()
        self._loader = SavedModelLoader(transform.transform_savedmodel_dir)
        # The loader is no trackable object; what it holds is, and tables and vocabulary files hang on that.
        self._tracked = self._loader.__dict__

    def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Transforms a batch of raw features, as ``parse_example`` with the schema's spec gives them."""
        return dict(self._loader.apply_transform_model(raw))
