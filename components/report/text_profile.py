"""Describes the descriptions: their lengths, terms, scripts and repetitions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.report.report_data import HistogramBucket, TextProfile
from diptych.components.unicode_scripts import letter_script
from diptych.models import features
from diptych.models.text.options import TextOptions
from diptych.models.text.vectorizer import make_vectorizer

# A sample of this size gives the share of a term to about one percent.
_MAX_TEXTS = 10_000
_MAX_TERMS, _MAX_TERMS_BY_LABEL, _MAX_LABELS, _MAX_REPEATED = 20, 8, 20, 12
_BINS = 24


def profile_texts(
    texts: Mapping[str, Sequence[str]],
    labels: Mapping[str, Sequence[tuple[str, ...]]],
    options: TextOptions,
    vocabulary: Collection[str],
) -> TextProfile:
    """Describes the texts of every split.

    Args:
        texts: split to its texts.
        labels: split to the labels of each of its rows.
        options: how texts are split into terms.
        vocabulary: the terms that the model knows; if it is empty, those of train are taken.
    """
    analyze = make_vectorizer(options).build_analyzer()
    terms = {split: [analyze(text) for text in _sample(of_split)] for split, of_split in texts.items()}
    counts = {split: Counter(term for row in rows for term in row) for split, rows in terms.items()}
    known = frozenset(vocabulary or counts.get(features.TRAIN, ()))
    lengths = {split: np.array([len(text) for text in of_split]) for split, of_split in texts.items()}
    return TextProfile(
        lengths=length_histograms(lengths),
        terms={split: dict(found.most_common(_MAX_TERMS)) for split, found in counts.items()},
        terms_by_label=_characteristic_terms(terms.get(features.TRAIN, ()), _sample(labels.get(features.TRAIN, ()))),
        unknown_share={
            split: _share(found, lambda term: term not in known) for split, found in counts.items() if found
        },
        scripts={split: script_shares(_sample(of_split)) for split, of_split in texts.items()},
        empty={split: sum(not text.strip() for text in of_split) for split, of_split in texts.items()},
        repeated=_repeated([text for of_split in texts.values() for text in of_split]),
    )


def _sample(values: Sequence[Any]) -> Sequence[Any]:
    """At most ``_MAX_TEXTS`` of the values, evenly spread."""
    return values[:: max(1, -(-len(values) // _MAX_TEXTS))]


def _share(counts: Counter[str], condition: Callable[[str], bool]) -> float:
    return sum(count for term, count in counts.items() if condition(term)) / counts.total()


def _repeated(texts: Sequence[str]) -> dict[str, int]:
    return {text: count for text, count in Counter(texts).most_common(_MAX_REPEATED) if count > 1 and text.strip()}


def length_histograms(lengths: Mapping[str, NDArray[Any]]) -> dict[str, list[HistogramBucket]]:
    """Histograms of every split with the same bounds, 0 to the 99th percentile; the last bucket has all longer texts.

    Args:
        lengths: split to int ``[texts]``.
    """
    all_lengths = np.concatenate([*lengths.values(), np.zeros(0, int)])
    if not all_lengths.size:
        return {}
    largest = max(1.0, float(np.percentile(all_lengths, 99)))
    bounds = np.linspace(0, largest, _BINS + 1)
    return {split: _histogram(np.minimum(of_split, largest), bounds) for split, of_split in lengths.items()}


def _histogram(values: NDArray[Any], bounds: NDArray[Any]) -> list[HistogramBucket]:
    counts = np.histogram(values, bounds)[0].tolist()
    edges = bounds.tolist()
    return [HistogramBucket(low, high, count) for low, high, count in zip(edges, edges[1:], counts, strict=False)]


def _characteristic_terms(terms: Sequence[list[str]], labels: Sequence[tuple[str, ...]]) -> dict[str, dict[str, int]]:
    """The terms that distinguish the most frequent labels from others, with the number of rows of the label.

    They are those of the greatest p log(p / q), a summand of the Kullback-Leibler divergence: p is the share of the
    label's rows that hold the term, q that of all rows.
    """
    rows: Counter[str] = Counter(label for of_row in labels for label in of_row)
    total: Counter[str] = Counter()
    by_label: dict[str, Counter[str]] = {label: Counter() for label, _ in rows.most_common(_MAX_LABELS)}
    for row_terms, row_labels in zip(terms, labels, strict=True):
        distinct = set(row_terms)
        total.update(distinct)
        for label in row_labels:
            if label in by_label:
                by_label[label].update(distinct)

    def contribution(label: str, term: str) -> float:
        share = by_label[label][term] / rows[label]
        return share * math.log(share / (total[term] / len(terms)))

    return {
        label: dict(
            sorted(found.items(), key=lambda item: (-contribution(label, item[0]), item[0]))[:_MAX_TERMS_BY_LABEL]
        )
        for label, found in by_label.items()
    }


def script_shares(texts: Sequence[str]) -> dict[str, float]:
    """Script to its share of the letters, most frequent first: ``Latin``, ``Cyrillic``, ``Cjk``."""
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    scripts: Counter[str] = Counter()
    for character, count in characters.items():
        if character.isalpha():
            scripts[letter_script(character).capitalize()] += count
    return {name: count / scripts.total() for name, count in scripts.most_common()}
