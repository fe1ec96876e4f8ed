"""What a Transform graph was asked to do and what it learned, read from its files."""

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

#: The assets of Transform's graph beside its vocabularies.
IDF_FILE = "description_idf"
ENCODING_FILE = "encoding.json"
#: What is written of the texts and of the labels, each by its name.
TEXT_ASSETS = (features.DESCRIPTION_VOCABULARY, IDF_FILE, ENCODING_FILE)
LABEL_ASSETS = (features.LABEL_VOCABULARY,)


def serialize_idf(idf: NDArray[np.float64]) -> bytes:
    """The content of ``IDF_FILE``: a number a line, as the int64 that has its bits.

    TFT looks up nothing but integers; and so no digit is lost.
    """
    return b"".join(b"%d\n" % number for number in idf.view(np.int64).tolist())


def read_encoding_options(transform: tft.TFTransformOutput) -> EncodingOptions:
    """How a Transform graph encodes texts and labels.

    Raises:
        ValueError: it is none of Diptych's.
    """
    return EncodingOptions.model_validate_json(_read(transform, ENCODING_FILE))


def read_idf(transform: tft.TFTransformOutput) -> NDArray[np.float64]:
    """Inverse document frequencies float64 ``[terms]`` of the description's vocabulary.

    Raises:
        ValueError: it is none of Diptych's.
    """
    return np.array(_read(transform, IDF_FILE).split(), np.int64).view(np.float64)


def _read(transform: tft.TFTransformOutput, name: str) -> bytes:
    import tensorflow as tf

    path = transform.vocabulary_file_by_name(name)
    if path is None:
        folder = os.path.dirname(transform.transform_savedmodel_dir)
        raise DatasetError(f"'{folder}' is not what Transform writes for Diptych: it has no '{name}'")
    with tf.io.gfile.GFile(path, "rb") as file:
        return bytes(file.read())
