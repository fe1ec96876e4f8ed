"""The features of images for the linear baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diptych.models import features
from diptych.models.images.options import ImageOptions

if TYPE_CHECKING:
    import tensorflow as tf
    from sklearn.preprocessing import StandardScaler

#: The C of a logistic regression of vectors of mean length 1, where they are all features and where texts add theirs.
ALONE, BESIDE_TEXTS = 20.0, 4.0

_BATCH = 256


def read_image_features(files: Sequence[str], options: ImageOptions, stride: int = 1) -> NDArray[np.float32]:
    """Describes every ``stride``-th stored image by ``ImageDescriptors``, float32 ``[rows, n]``.

    Args:
        files: TFRecord files.
        options: how the images are stored.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as the options say.
    """
    import tensorflow as tf

    from diptych.models.images.decoding import decode_stored_images
    from diptych.models.networks.descriptors import ImageDescriptors
    from diptych.models.tfrecords import read_records
    from diptych.models.tracing import without_autograph

    describe = ImageDescriptors()
    spec = features.parsing_spec([features.IMAGE])

    def extract(records: tf.Tensor) -> tf.Tensor:
        return describe(decode_stored_images(tf.io.parse_example(records, spec)[features.IMAGE], options))

    batches = read_records(files).shard(stride, 0).batch(_BATCH).map(without_autograph(extract), tf.data.AUTOTUNE)
    none = np.zeros((0, batches.element_spec.shape[1]), np.float32)
    return np.concatenate([none, *batches.as_numpy_iterator()])


@dataclass(frozen=True)
class ImageFeatures:
    """Turns vectors of images into a block of features: standardised by train, and scaled to a mean length."""

    scaler: StandardScaler
    scale: float

    def transform(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 ``[n, features]``, scaled so that a logistic regression with ``C`` 1 suits them."""
        return np.asarray(self.scaler.transform(vectors) * np.float32(self.scale), np.float32)


def fit_image_features(vectors: NDArray[np.float32], inverse_regularization: float) -> ImageFeatures:
    """Standardises what ``read_image_features`` gives for train.

    Args:
        inverse_regularization: ``ALONE`` or ``BESIDE_TEXTS``.
    """
    from sklearn.preprocessing import StandardScaler

    # A standardised vector of n values has the mean length sqrt(n), which becomes 1.
    return ImageFeatures(StandardScaler().fit(vectors), (inverse_regularization / vectors.shape[1]) ** 0.5)
