"""Transform's analyzers that learn vocabularies: scikit-learn's own tokenization, distributed by Beam.

Only the counts of each term come together in one process, never the texts.
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

from diptych.models.labels import check_label_options
from diptych.models.natural_order import natural_key
from diptych.models.text.options import EncodingOptions, TextOptions
from diptych.models.text.transform_assets import LABEL_ASSETS, TEXT_ASSETS, serialize_idf
from diptych.models.text.vectorizer import make_vectorizer, no_term_left
from diptych.models.text.vocabulary import serialize_vocabulary

#: For one term: the number of its occurrences, and the number of documents that contain it.
TermCounts = tuple[int, int]


@dataclass(frozen=True)
class FittedVocabulary:
    """What a vectorizer learns from documents.

    Attributes:
        terms: sorted by index.
        idf: the terms' inverse document frequencies, float64 ``[terms]``; only tf-idf uses them.
    """

    terms: list[str]
    idf: NDArray[np.float64]


def fit_vocabulary(counts: Iterable[tuple[str, TermCounts]], documents: int, options: TextOptions) -> FittedVocabulary:
    """Learns what scikit-learn's ``fit`` learns from documents, but from the counts of their terms.

    Args:
        counts: the distinct terms and their counts, in any order.
        documents: the number of documents.

    Raises:
        OptionsError: the options leave no term.
    """
    terms, occurrences, frequencies = _sort_counts(counts)
    least, most = _absolute(options.min_df, documents), _absolute(options.max_df, documents)
    kept = (frequencies >= least) & (frequencies <= most)
    if options.max_features is not None and kept.sum() > options.max_features:
        # The expression of CountVectorizer._limit_features, on arrays of the same dtype and order, breaks ties equally.
        ranked = frequencies if options.encoding == "binary" else occurrences
        ranked = ranked.astype(make_vectorizer(options).dtype)
        best = np.where(kept)[0][(-ranked[kept]).argsort()[: options.max_features]]
        kept = np.isin(np.arange(len(terms)), best)
    if not kept.any():
        raise no_term_left(len(terms), documents, options)
    vocabulary = [terms[index] for index in np.flatnonzero(kept)]
    return FittedVocabulary(vocabulary, _compute_idf(frequencies[kept], documents, options.smooth_idf))


def _sort_counts(
    counts: Iterable[tuple[str, TermCounts]],
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Terms in scikit-learn's order, and for each its occurrences and its document frequency."""
    ordered = sorted(counts)
    columns = np.array([pair for _, pair in ordered], np.int64).reshape(-1, 2)
    return [term for term, _ in ordered], columns[:, 0], columns[:, 1]


def _absolute(document_frequency: int | float, documents: int) -> int | float:
    """A number of documents; a float is a share of them."""
    return document_frequency if isinstance(document_frequency, int) else document_frequency * documents


def _compute_idf(frequencies: NDArray[np.int64], documents: int, smooth: bool) -> NDArray[np.float64]:
    """The formula of ``TfidfTransformer.fit``."""
    return np.asarray(np.log((documents + int(smooth)) / (frequencies.astype(np.float64) + float(smooth))) + 1.0)


class VocabularyAnalyzer(PTransformAnalyzer):  # type: ignore[misc]
    """Learns the description's vocabulary from batches of texts; returns the path of each of ``TEXT_ASSETS``."""

    def __init__(self, options: TextOptions) -> None:
        super().__init__()
        self._options = options

    def expand(self, batches: Any) -> tuple[Any, ...]:
        """Counts the terms, then fits the vocabulary on the counts."""
        counts = (
            batches
            | "Count" >> beam.ParDo(_CountTermsFn(self._options))
            | "Sum" >> beam.CombinePerKey(_SumTermCountsFn())
            | "Gather" >> beam.combiners.ToList()
        )
        documents = (
            batches | "Sizes" >> beam.Map(lambda batch: len(batch[0])) | "Documents" >> beam.CombineGlobally(sum)
        )
        paths = counts | "Write" >> beam.Map(
            _write_vocabulary, beam.pvalue.AsSingleton(documents), self.base_temp_dir, self._options
        )
        return _select_paths(paths, TEXT_ASSETS)


class LabelAnalyzer(PTransformAnalyzer):  # type: ignore[misc]
    """Learns the labels from batches of them; returns the path of each of ``LABEL_ASSETS``.

    They are sorted in natural order. Every graph encodes labels, so the options of its whole encoding are
    written here.
    """

    def __init__(self, encoding: EncodingOptions) -> None:
        super().__init__()
        self._encoding = encoding

    def expand(self, batches: Any) -> tuple[Any, ...]:
        """Collects the distinct labels."""
        paths = (
            batches
            | "Labels" >> beam.FlatMap(lambda batch: sorted({_decode_text(label) for label in batch[0].tolist()}))
            | "Distinct" >> beam.Distinct()
            | "Gather" >> beam.combiners.ToList()
            | "Write" >> beam.Map(_write_labels, self.base_temp_dir, self._encoding)
        )
        return _select_paths(paths, LABEL_ASSETS)


class _CountTermsFn(beam.DoFn):  # type: ignore[misc]
    """Counts the terms of a batch of texts."""

    def __init__(self, options: TextOptions) -> None:
        self._options = options

    def setup(self) -> None:
        self._analyze = make_vectorizer(self._options).build_analyzer()

    def process(self, batch: tuple[NDArray[Any]]) -> Iterator[tuple[str, TermCounts]]:
        occurrences: Counter[str] = Counter()
        frequencies: Counter[str] = Counter()
        for text in batch[0].tolist():
            counts = Counter(self._analyze(_decode_text(text)))
            occurrences.update(counts)
            frequencies.update(counts.keys())
        for term, count in occurrences.items():
            yield term, (count, frequencies[term])


class _SumTermCountsFn(beam.CombineFn):  # type: ignore[misc]
    """Adds up the counts of one term."""

    def create_accumulator(self) -> TermCounts:
        return 0, 0

    def add_input(self, accumulator: TermCounts, element: TermCounts) -> TermCounts:
        return accumulator[0] + element[0], accumulator[1] + element[1]

    def merge_accumulators(self, accumulators: Iterable[TermCounts]) -> TermCounts:
        occurrences, documents = zip(*accumulators, strict=True)
        return sum(occurrences), sum(documents)

    def extract_output(self, accumulator: TermCounts) -> TermCounts:
        return accumulator


def _decode_text(value: bytes) -> str:
    """Decodes UTF-8 as TensorFlow does: bytes that are no UTF-8 become U+FFFD."""
    return value.decode("utf-8", "replace")


def _write_vocabulary(
    counts: list[tuple[str, TermCounts]], documents: int, folder: str, options: TextOptions
) -> dict[str, str]:
    fitted = fit_vocabulary(counts, documents, options)
    contents = (serialize_vocabulary(fitted.terms), serialize_idf(fitted.idf))
    return _write_files(folder, dict(zip(TEXT_ASSETS, contents, strict=True)))


def _write_labels(labels: list[str], folder: str, encoding: EncodingOptions) -> dict[str, str]:
    check_label_options(labels, encoding.label)
    contents = (serialize_vocabulary(sorted(labels, key=natural_key)), encoding.model_dump_json().encode())
    return _write_files(folder, dict(zip(LABEL_ASSETS, contents, strict=True)))


def _write_files(folder: str, contents: dict[str, bytes]) -> dict[str, str]:
    """Writes one file for each name, and returns the paths by name."""
    if not FileSystems.exists(folder):
        FileSystems.mkdirs(folder)
    paths = {name: os.path.join(folder, name) for name in contents}
    for name, content in contents.items():
        with FileSystems.create(paths[name], "application/octet-stream") as file:
            file.write(content)
    return paths


def _select_paths(paths: Any, names: Iterable[str]) -> tuple[Any, ...]:
    """One PCollection for each name, with the path as a scalar array, from one with a dictionary of paths."""
    return tuple(paths | f"Path of {name}" >> beam.Map(_select_path, name) for name in names)


def _select_path(paths: dict[str, str], name: str) -> NDArray[Any]:
    return np.array(paths[name])
