"""What Diptych stores in a Transform graph's assets: vocabularies, inverse document frequencies, encoding options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diptych.models import features
from diptych.models.errors import DatasetError
from diptych.models.text.options import EncodingOptions

if TYPE_CHECKING:
    import tensorflow_transform as tft

#: Names of assets.
IDF_FILE = "description_idf"
ENCODING_FILE = "encoding.json"
TEXT_ASSETS = (features.DESCRIPTION_VOCABULARY, IDF_FILE)
LABEL_ASSETS = (features.LABEL_VOCABULARY, ENCODING_FILE)


def serialize_idf(idf: NDArray[np.float64]) -> bytes:
    """The content of ``IDF_FILE``: one number a line, written as the int64 that has the same bits.

    TFT looks up integers only, and integers lose no digit.
    """
    return b"".join(b"%d\n" % number for number in idf.view(np.int64).tolist())


def read_idf(transform: tft.TFTransformOutput) -> NDArray[np.float64]:
    """The inverse document frequencies of the description's vocabulary, float64 ``[terms]``.

    Raises:
        DatasetError: Diptych did not make this graph.
    """
    return np.array(read_asset(transform, IDF_FILE).split(), np.int64).view(np.float64)


def read_encoding_options(transform: tft.TFTransformOutput) -> EncodingOptions:
    """The options by which a Transform graph encodes texts and labels.

    Raises:
        DatasetError: Diptych did not make this graph.
    """
    return EncodingOptions.model_validate_json(read_asset(transform, ENCODING_FILE))


def read_asset(transform: tft.TFTransformOutput, name: str) -> bytes:
    """The content of an asset.

    Raises:
        DatasetError: Diptych did not make this graph.
        tensorflow.errors.OpError: it cannot be read. Line by line, TensorFlow would take that for its end.
    """
    import tensorflow as tf

    path = transform.vocabulary_file_by_name(name)
    if path is None:
        folder = os.path.dirname(transform.transform_savedmodel_dir)
        raise DatasetError(f"'{folder}' is not what Transform writes for Diptych: it has no '{name}'")
    with tf.io.gfile.GFile(path, "rb") as file:
        return bytes(file.read())
