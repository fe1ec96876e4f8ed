"""Vocabularies that Transform learns, by Beam: scikit-learn's own analysis, spread over workers.

What is kept in one place is each term's two counts, never the texts.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems
from numpy.typing import NDArray
from tensorflow_transform.beam.experimental import PTransformAnalyzer

from diptych.models.errors import OptionsError
from diptych.models.labels import LabelOptions, check_label_options
from diptych.models.text.options import EncodingOptions, TextOptions
from diptych.models.text.transform_assets import LABEL_ASSETS, TEXT_ASSETS, serialize_idf
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary import serialize_vocabulary

#: Of a term: how often it occurs, and in how many documents.
TermCounts = tuple[int, int]


@dataclass(frozen=True)
class FittedVocabulary:
    """What a vectoriser learns.

    Attributes:
        vocabulary: terms, each in the place of its index.
        idf: their inverse document frequencies float64 ``[terms]``, of tf-idf.
    """

    vocabulary: list[str]
    idf: NDArray[np.float64]


def fit_vocabulary(counts: Iterable[tuple[str, TermCounts]], documents: int, options: TextOptions) -> FittedVocabulary:
    """What scikit-learn's ``fit`` would fit_vocabulary from documents, given the counts of their terms.

    Raises:
        ValueError: no term is left.
    """
    terms, occurrences, frequencies = _columns(counts)
    least, most = _documents(options.min_df, documents), _documents(options.max_df, documents)
    kept = (frequencies >= least) & (frequencies <= most)
    if options.max_features is not None and kept.sum() > options.max_features:
        # CountVectorizer._limit_features's expression, on arrays of its type and order: ties fall as they fall there.
        ranked = frequencies if options.encoding == "binary" else occurrences
        ranked = ranked.astype(make_vectorizer(options).dtype)
        best = np.where(kept)[0][(-ranked[kept]).argsort()[: options.max_features]]
        kept = np.isin(np.arange(len(terms)), best)
    if not kept.any():
        raise OptionsError(
            f"no term of {len(terms)} in {documents} descriptions is left for the vocabulary: lower text.min_df "
            f"({options.min_df}), raise text.max_df ({options.max_df}) or shorten text.stop_words"
        )
    vocabulary = [terms[place] for place in np.flatnonzero(kept)]
    return FittedVocabulary(vocabulary, _inverse(frequencies[kept], documents, options.smooth_idf))


def _columns(counts: Iterable[tuple[str, TermCounts]]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    ordered = sorted(counts)
    numbers = np.array([pair for _, pair in ordered], np.int64).reshape(-1, 2)
    return [term for term, _ in ordered], numbers[:, 0], numbers[:, 1]


def _documents(share: int | float, documents: int) -> int | float:
    return share if isinstance(share, int) else share * documents


def _inverse(frequencies: NDArray[np.int64], documents: int, smooth: bool) -> NDArray[np.float64]:
    """``TfidfTransformer.fit``'s formula."""
    return np.asarray(np.log((documents + int(smooth)) / (frequencies.astype(np.float64) + float(smooth))) + 1.0)


class VocabularyAnalyzer(PTransformAnalyzer):  # type: ignore[misc]
    """Batches of texts to the paths of ``TEXT_ASSETS``."""

    def __init__(self, encoding: EncodingOptions) -> None:
        super().__init__()
        self._encoding = encoding

    def expand(self, batches: Any) -> tuple[Any, ...]:
        """Counts, and learns from the counts."""
        counts = (
            batches
            | "Count" >> beam.ParDo(_CountTerms(self._encoding.text))
            | "Sum" >> beam.CombinePerKey(_SumPairs())
            | "Gather" >> beam.combiners.ToList()
        )
        documents = (
            batches | "Sizes" >> beam.Map(lambda batch: len(batch[0])) | "Documents" >> beam.CombineGlobally(sum)
        )
        paths = counts | "Write" >> beam.Map(
            _write_vocabulary, beam.pvalue.AsSingleton(documents), self.base_temp_dir, self._encoding
        )
        return tuple(paths | f"Path of {name}" >> beam.Map(_path_of, name) for name in TEXT_ASSETS)


class LabelAnalyzer(PTransformAnalyzer):  # type: ignore[misc]
    """Batches of labels to the paths of ``LABEL_ASSETS``: the distinct ones, sorted as ``LabelEncoder`` sorts them."""

    def __init__(self, options: LabelOptions) -> None:
        super().__init__()
        self._options = options

    def expand(self, batches: Any) -> tuple[Any, ...]:
        """Collects the distinct labels."""
        paths = (
            batches
            | "Labels" >> beam.FlatMap(lambda batch: sorted({_text(label) for label in batch[0].tolist()}))
            | "Distinct" >> beam.Distinct()
            | "Gather" >> beam.combiners.ToList()
            | "Write" >> beam.Map(_write_labels, self.base_temp_dir, self._options)
        )
        return tuple(paths | f"Path of {name}" >> beam.Map(_path_of, name) for name in LABEL_ASSETS)


class _CountTerms(beam.DoFn):  # type: ignore[misc]
    """A batch's terms, each with its counts there."""

    def __init__(self, options: TextOptions) -> None:
        self._options = options

    def setup(self) -> None:
        self._analyze = make_vectorizer(self._options).build_analyzer()

    def process(self, batch: tuple[NDArray[Any]]) -> Iterator[tuple[str, TermCounts]]:
        occurrences: Counter[str] = Counter()
        frequencies: Counter[str] = Counter()
        for text in batch[0].tolist():
            counts = Counter(self._analyze(_text(text)))
            occurrences.update(counts)
            frequencies.update(counts.keys())
        for term, count in occurrences.items():
            yield term, (count, frequencies[term])


class _SumPairs(beam.CombineFn):  # type: ignore[misc]
    def create_accumulator(self) -> TermCounts:
        return 0, 0

    def add_input(self, accumulator: TermCounts, element: TermCounts) -> TermCounts:
        return accumulator[0] + element[0], accumulator[1] + element[1]

    def merge_accumulators(self, accumulators: Iterable[TermCounts]) -> TermCounts:
        occurrences, documents = zip(*accumulators, strict=True)
        return sum(occurrences), sum(documents)

    def extract_output(self, accumulator: TermCounts) -> TermCounts:
        return accumulator


def _text(value: bytes) -> str:
    # TensorFlow reads it so, too.
    return value.decode("utf-8", "replace")


def _write_vocabulary(
    counts: list[tuple[str, TermCounts]], documents: int, folder: str, encoding: EncodingOptions
) -> dict[str, str]:
    learned = fit_vocabulary(counts, documents, encoding.text)
    contents = (
        serialize_vocabulary(learned.vocabulary),
        serialize_idf(learned.idf),
        encoding.model_dump_json().encode(),
    )
    return _write(folder, dict(zip(TEXT_ASSETS, contents, strict=True)))


def _write_labels(labels: list[str], folder: str, options: LabelOptions) -> dict[str, str]:
    check_label_options(labels, options)
    return _write(folder, dict.fromkeys(LABEL_ASSETS, serialize_vocabulary(sorted(labels))))


def _write(folder: str, contents: dict[str, bytes]) -> dict[str, str]:
    """Writes files, and returns the path of each."""
    if not FileSystems.exists(folder):
        FileSystems.mkdirs(folder)
    paths = {name: os.path.join(folder, name) for name in contents}
    for name, content in contents.items():
        with FileSystems.create(paths[name], "application/octet-stream") as file:
            file.write(content)
    return paths


def _path_of(paths: dict[str, str], name: str) -> NDArray[Any]:
    return np.array(paths[name])
