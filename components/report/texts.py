"""What the descriptions are like."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.report.report_data import Bucket, TextFacts
from diptych.models import features
from diptych.models.text.options import TextOptions
from diptych.models.text.vectorizer import make_vectorizer

# A sample tells a share of terms to a hundredth.
_TEXTS_READ = 10_000
_TERMS, _TERMS_BY_LABEL, _LABELS, _REPEATED = 20, 8, 20, 12
_BINS = 24

Analyze = Callable[[str], list[str]]


def text_facts(
    texts: Mapping[str, Sequence[str]],
    labels: Mapping[str, Sequence[tuple[str, ...]]],
    options: TextOptions,
    vocabulary: Collection[str],
) -> TextFacts:
    """What is shown of the texts.

    Args:
        texts: split to its texts.
        labels: split to its rows' labels.
        options: how texts become terms.
        vocabulary: the terms that are known; where there are none, those of the texts of train.
    """
    analyze = make_vectorizer(options).build_analyzer()
    terms = {split: [analyze(text) for text in _spread(some)] for split, some in texts.items()}
    counts = {split: Counter(term for row in rows for term in row) for split, rows in terms.items()}
    known = frozenset(vocabulary or counts.get(features.TRAIN, ()))
    return TextFacts(
        lengths=length_histograms({split: np.array([len(text) for text in some]) for split, some in texts.items()}),
        tokens={split: dict(found.most_common(_TERMS)) for split, found in counts.items()},
        tokens_by_label=_telling(terms.get(features.TRAIN, ()), _spread(labels.get(features.TRAIN, ()))),
        unknown={split: _share(found, lambda term: term not in known) for split, found in counts.items() if found},
        scripts={split: script_shares(_spread(some)) for split, some in texts.items()},
        empty={split: sum(not text.strip() for text in some) for split, some in texts.items()},
        repeated=_repeated([text for some in texts.values() for text in some]),
    )


def _spread(values: Sequence[Any]) -> Sequence[Any]:
    """At most ``_TEXTS_READ`` of them, evenly spread."""
    return values[:: max(1, -(-len(values) // _TEXTS_READ))]


def _share(counts: Counter[str], which: Callable[[str], bool]) -> float:
    return sum(count for term, count in counts.items() if which(term)) / counts.total()


def _repeated(texts: Sequence[str]) -> dict[str, int]:
    return {text: count for text, count in Counter(texts).most_common(_REPEATED) if count > 1 and text.strip()}


def length_histograms(lengths: Mapping[str, NDArray[Any]]) -> dict[str, list[Bucket]]:
    """Histograms on the same bounds, up to the 99th percentile; longer ones count in the last bucket."""
    every = np.concatenate([*lengths.values(), np.zeros(0, int)])
    if not every.size:
        return {}
    most = max(1.0, float(np.percentile(every, 99)))
    bounds = np.linspace(0, most, _BINS + 1)
    return {
        split: [
            Bucket(float(low), float(high), int(count))
            for low, high, count in zip(
                bounds, bounds[1:], np.histogram(np.minimum(some, most), bounds)[0], strict=False
            )
        ]
        for split, some in lengths.items()
    }


def _telling(terms: Sequence[list[str]], labels: Sequence[tuple[str, ...]]) -> dict[str, dict[str, int]]:
    """Label to the terms that tell most of it: those of the greatest p log(p / q).

    p is the share of the label's rows that hold the term and q that of all rows: a summand of the Kullback-Leibler
    divergence.
    """
    rows: Counter[str] = Counter(label for of_row in labels for label in of_row)
    every: Counter[str] = Counter()
    by_label: dict[str, Counter[str]] = {label: Counter() for label, _ in rows.most_common(_LABELS)}
    for of_row, its_labels in zip(terms, labels, strict=True):
        distinct = set(of_row)
        every.update(distinct)
        for label in its_labels:
            if label in by_label:
                by_label[label].update(distinct)

    def told(label: str, term: str) -> float:
        share = by_label[label][term] / rows[label]
        return share * math.log(share / (every[term] / len(terms)))

    return {
        label: dict(sorted(found.items(), key=lambda item: (-told(label, item[0]), item[0]))[:_TERMS_BY_LABEL])
        for label, found in by_label.items()
    }


def script_shares(texts: Sequence[str]) -> dict[str, float]:
    """Script to share of the letters, most frequent first."""
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    scripts: Counter[str] = Counter()
    for character, count in characters.items():
        if character.isalpha():
            scripts[script(character)] += count
    return {name: count / scripts.total() for name, count in scripts.most_common()}


@cache
def script(letter: str) -> str:
    """The first word of the letter's Unicode name, which names its script: ``Latin``, ``Cyrillic``, ``Cjk``."""
    return unicodedata.name(letter, "unnamed").split()[0].split("-")[0].capitalize()
