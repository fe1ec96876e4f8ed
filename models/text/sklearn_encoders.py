"""A run's encoders for other code: a JSON file, and scikit-learn's encoders made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from diptych.models import features
from diptych.models.atomic_files import write_text
from diptych.models.errors import DatasetError
from diptych.models.text.options import EncodingOptions
from diptych.models.text.transform_assets import read_encoding_options, read_idf
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary import read_vocabulary

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import LabelBinarizer, LabelEncoder, MultiLabelBinarizer


class FittedEncoding(EncodingOptions):
    """The content of the file: the options of the encoding, and what was learned from the training data.

    Attributes:
        format: the kind and version of this file.
        vocabulary: the terms, sorted by index; none if there are no texts.
        idf: their inverse document frequencies for tf-idf, otherwise empty.
        labels: the names of the labels, sorted by id.
        versions: the versions of the libraries with which they were learned.
    """

    format: Literal["diptych-encoders-1"] = "diptych-encoders-1"
    vocabulary: tuple[str, ...]
    idf: tuple[float, ...] = ()
    labels: tuple[str, ...]
    versions: dict[str, str] = {}


@dataclass(frozen=True)
class SklearnEncoders:
    """scikit-learn's encoders, fitted.

    Attributes:
        encoding: the options they follow.
        vectorizer: a ``CountVectorizer``, or for tf-idf a ``TfidfVectorizer``. For the encoding sequence it counts the
            terms; ``texts_to_sequences`` returns the ids. None if there are no texts.
        label_encoder: a ``LabelEncoder``, or for multilabel a ``MultiLabelBinarizer``.
        label_binarizer: a ``LabelBinarizer``, or for multilabel the same ``MultiLabelBinarizer``.
    """

    encoding: EncodingOptions
    vectorizer: CountVectorizer | None
    label_encoder: LabelEncoder | MultiLabelBinarizer
    label_binarizer: LabelBinarizer | MultiLabelBinarizer

    def texts_to_sequences(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The feature ``description_ids`` of texts, int64 ``[texts, length]``.

        It holds the terms' indices plus one in the order of the text, padded with 0.

        Raises:
            ValueError: the dataset has no texts.
        """
        options = self.encoding.text
        if options is None or self.vectorizer is None:
            raise ValueError("these encoders are of a dataset without texts")
        analyze, vocabulary = self.vectorizer.build_analyzer(), self.vectorizer.vocabulary_
        unknown = len(vocabulary) if options.oov == "bucket" else -1
        ids = np.zeros((len(texts), options.length), np.int64)
        for row, text in zip(ids, texts, strict=True):
            found = [index + 1 for term in analyze(text) if (index := vocabulary.get(term, unknown)) >= 0]
            row[: len(found)] = found[: options.length]
        return ids


def export_encoders(transform_graph: str, path: str) -> FittedEncoding:
    """Writes the encoders of a Transform graph to a JSON file, which is left whole or not at all.

    Args:
        transform_graph: the folder of the artifact.

    Raises:
        DatasetError: Diptych did not make this graph.
        OSError: the file cannot be written.
    """
    import tensorflow_transform as tft

    transform = tft.TFTransformOutput(transform_graph)
    encoding = read_encoding_options(transform)
    text = encoding.text
    idf = read_idf(transform).tolist() if text and text.encoding == "tfidf" else ()
    content = FittedEncoding(
        text=text,
        label=encoding.label,
        task=encoding.task,
        vocabulary=tuple(read_vocabulary(transform, features.DESCRIPTION_VOCABULARY)) if text else (),
        idf=tuple(idf),
        labels=tuple(read_vocabulary(transform, features.LABEL_VOCABULARY)),
        versions={name: version(name) for name in ("diptych", "scikit-learn")},
    )
    write_text(path, content.model_dump_json(indent=1) + "\n")
    return content


def load_encoders(path: str) -> SklearnEncoders:
    """Builds scikit-learn's encoders from the file at ``path``; errors are those of ``read_encoders_file``."""
    return build_encoders(read_encoders_file(path))


def read_encoders_file(path: str) -> FittedEncoding:
    """Reads what ``export_encoders`` wrote.

    Raises:
        OSError: the file cannot be read.
        DatasetError: it is no such file.
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
    """Builds scikit-learn's encoders from the content of a file.

    Raises:
        ValueError: there are not as many idf as terms, or there is no label.
    """
    encoding = EncodingOptions(text=content.text, label=content.label, task=content.task)
    if encoding.task == "multilabel":
        from sklearn.preprocessing import MultiLabelBinarizer

        several = MultiLabelBinarizer(classes=list(content.labels)).fit([content.labels])
        return SklearnEncoders(encoding, _vectorizer(content), several, several)
    from sklearn.preprocessing import LabelBinarizer, LabelEncoder

    encoder, binarizer = LabelEncoder(), LabelBinarizer().fit(list(content.labels))
    # They know the order only as fit() makes it, and take any other.
    encoder.classes_ = binarizer.classes_ = np.array(content.labels)
    return SklearnEncoders(encoding, _vectorizer(content), encoder, binarizer)


def _vectorizer(content: FittedEncoding) -> Any:
    if content.text is None:
        return None
    vectorizer = make_vectorizer(content.text)
    vectorizer.vocabulary_ = {term: index for index, term in enumerate(content.vocabulary)}
    vectorizer.fixed_vocabulary_ = False
    if content.text.encoding == "tfidf":
        vectorizer.idf_ = np.array(content.idf)
    return vectorizer
