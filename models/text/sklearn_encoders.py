"""The encodings of a run for other code: scikit-learn's objects, from a JSON file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from diptych.models import features
from diptych.models.errors import DatasetError
from diptych.models.text.options import EncodingOptions
from diptych.models.text.transform_assets import read_encoding_options, read_idf
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary import read_vocabulary

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import LabelBinarizer, LabelEncoder, MultiLabelBinarizer


class FittedEncoding(EncodingOptions):
    """What the file holds: the encoding's options and what was learned.

    Attributes:
        format: which kind of file this is.
        vocabulary: terms, each in the place of its index.
        idf: their inverse document frequencies; empty but for tf-idf.
        labels: names, each in the place of its id.
        versions: of the libraries that learned it.
    """

    format: Literal["diptych-encoders-1"] = "diptych-encoders-1"
    vocabulary: tuple[str, ...]
    idf: tuple[float, ...] = ()
    labels: tuple[str, ...]
    versions: dict[str, str] = {}


@dataclass(frozen=True)
class SklearnEncoders:
    """Fitted encoders.

    Attributes:
        encoding: the options they follow.
        vectorizer: ``CountVectorizer``, or ``TfidfVectorizer`` for tf-idf. Of a sequence it is the terms' counts;
            ``sequences`` gives the ids.
        label_encoder: ``LabelEncoder``, or ``MultiLabelBinarizer`` for multilabel.
        label_binarizer: ``LabelBinarizer``, or the same ``MultiLabelBinarizer``.
    """

    encoding: EncodingOptions
    vectorizer: CountVectorizer
    label_encoder: LabelEncoder | MultiLabelBinarizer
    label_binarizer: LabelBinarizer | MultiLabelBinarizer

    def sequences(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """``description_ids`` int64 ``[texts, length]`` of texts: indices plus one, in the text's order; 0 pads."""
        options = self.encoding.text
        analyze, vocabulary = self.vectorizer.build_analyzer(), self.vectorizer.vocabulary_
        unknown = len(vocabulary) if options.oov == "bucket" else -1
        ids = np.zeros((len(texts), options.length), np.int64)
        for row, text in zip(ids, texts, strict=True):
            found = [index + 1 for term in analyze(text) if (index := vocabulary.get(term, unknown)) >= 0]
            row[: len(found)] = found[: options.length]
        return ids


def export_encoders(transform_graph: str, path: str) -> FittedEncoding:
    """Writes the encoders of Transform's output to a JSON file, whole or not at all.

    Args:
        transform_graph: the folder of the artifact.

    Raises:
        ValueError: it is none of Diptych's.
        OSError: the file cannot be written.
    """
    import tensorflow_transform as tft

    transform = tft.TFTransformOutput(transform_graph)
    encoding = read_encoding_options(transform)
    idf = read_idf(transform).tolist() if encoding.text.encoding == "tfidf" else ()
    content = FittedEncoding(
        text=encoding.text,
        label=encoding.label,
        task=encoding.task,
        vocabulary=tuple(read_vocabulary(transform, features.DESCRIPTION_VOCABULARY)),
        idf=tuple(idf),
        labels=tuple(read_vocabulary(transform, features.LABEL_VOCABULARY)),
        versions={name: version(name) for name in ("diptych", "scikit-learn")},
    )
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(content.model_dump_json(indent=1) + "\n")
    os.replace(path + ".part", path)
    return content


def load_encoders(path: str) -> SklearnEncoders:
    """Builds the encoders that a file describes; the errors are those of ``read_encoders_file``."""
    return build_encoders(read_encoders_file(path))


def read_encoders_file(path: str) -> FittedEncoding:
    """Reads what ``export_encoders`` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        return FittedEncoding.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise DatasetError(f"'{path}' holds no encoders of Diptych: {place}: {problem['msg']}") from None


def build_encoders(content: FittedEncoding) -> SklearnEncoders:
    """The encoders that a file's content describes.

    Raises:
        ValueError: it has not as many idf as terms, or no label.
    """
    encoding = EncodingOptions(text=content.text, label=content.label, task=content.task)
    if encoding.task == "multilabel":
        from sklearn.preprocessing import MultiLabelBinarizer

        several = MultiLabelBinarizer().fit([content.labels])
        return SklearnEncoders(encoding, _vectorizer(content), several, several)
    from sklearn.preprocessing import LabelBinarizer, LabelEncoder

    labels = list(content.labels)
    return SklearnEncoders(encoding, _vectorizer(content), LabelEncoder().fit(labels), LabelBinarizer().fit(labels))


def _vectorizer(content: FittedEncoding) -> Any:
    vectorizer = make_vectorizer(content.text)
    vectorizer.vocabulary_ = {term: index for index, term in enumerate(content.vocabulary)}
    vectorizer.fixed_vocabulary_ = False
    if content.text.encoding == "tfidf":
        vectorizer.idf_ = np.array(content.idf)
    return vectorizer
