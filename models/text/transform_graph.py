"""The graph that Transform wrote, as a module that a SavedModel can contain."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader


class TransformGraph(tf.Module):
    """The function of raw features to transformed features; one whose input is missing is left out of the result.

    TFT's own ``transform_features_layer`` is a Keras 2 model. Saving traces every way in which such a model might be
    called, which made the export take four times as long.
    """

    def __init__(self, transform: tft.TFTransformOutput) -> None:
        super().__init__()
        self._loader = SavedModelLoader(transform.transform_savedmodel_dir)
        # A SavedModel contains the loader's tables and vocabulary files only if the module tracks them, and the loader
        # itself cannot be tracked.
        self._tracked = self._loader.__dict__

    def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Transforms a batch of raw features, as ``parse_example`` returns them with the schema's feature spec."""
        return dict(self._loader.apply_transform_model(raw))
