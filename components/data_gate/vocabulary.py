"""The vocabulary of train, and the rule about words of val and test that it lacks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from diptych.components.data_gate.findings import Finding, mention_ids
from diptych.components.data_gate.options import VocabularyRule
from diptych.components.data_gate.split_rows import SplitRows
from diptych.models import features
from diptych.models.counts import join_names
from diptych.models.text.options import TextOptions
from diptych.models.text.vectorizer import make_vectorizer

OUT_OF_VOCABULARY_SHARE = "share of out-of-vocabulary words"

# The number of standard errors by which a share may exceed the threshold by chance.
_STANDARD_ERRORS = 3


@dataclass(frozen=True)
class Vocabulary:
    """The words of a split.

    Attributes:
        words: all of them, however rare they are.
        singleton_share: of all occurrences of words, the share of those whose word occurs in one group only; None if
            there are no words. It estimates which share of the words of another group is unknown: I. J. Good, "The
            population frequencies of species and the estimation of population parameters" (1953), with groups as the
            draws.
        split_text: splits a text into words.
    """

    words: frozenset[str]
    singleton_share: float | None
    split_text: Callable[[str], list[str]]


def build_vocabulary(rows: SplitRows, options: TextOptions) -> Vocabulary:
    """Collects the words of a split.

    Args:
        options: how a text is split. If they ask for n-grams of several lengths, the shortest ones are the words;
            ``min_df``, ``max_df`` and ``max_features`` are ignored.
    """
    shortest = options.ngrams[0]
    split_text = make_vectorizer(options.model_copy(update={"ngrams": (shortest, shortest)})).build_analyzer()
    group_of_word: dict[str, int] = {}
    counts: Counter[str] = Counter()
    several = -1
    for text, group in zip(rows.texts[features.DESCRIPTION], rows.group_numbers.tolist(), strict=True):
        for word in split_text(text):
            counts[word] += 1
            if group_of_word.setdefault(word, group) != group:
                group_of_word[word] = several
    singletons = sum(counts[word] for word, group in group_of_word.items() if group != several)
    return Vocabulary(frozenset(group_of_word), singletons / counts.total() if counts else None, split_text)


def check_vocabulary(
    splits: Mapping[str, SplitRows], vocabulary: Vocabulary, expected: float | None, rule: VocabularyRule
) -> Iterator[Finding]:
    """Measures the share of the words of each split that the vocabulary lacks.

    The share is a ratio of sums over groups. Three of its standard errors are added to the threshold: those of a ratio
    estimator, W. G. Cochran, "Sampling Techniques" (1977), section 2.11.

    Args:
        splits: val and test.
        expected: the share that is to be expected; if it is None, nothing is found.
    """
    if expected is None:
        return
    for split, rows in splits.items():
        texts = [vocabulary.split_text(text) for text in rows.texts[features.DESCRIPTION]]
        unknown = np.array([sum(word not in vocabulary.words for word in words) for words in texts], np.float64)
        total = np.array([len(words) for words in texts], np.float64)
        if not total.sum():
            continue
        measured = float(unknown.sum() / total.sum())
        residuals = np.bincount(rows.group_numbers, unknown - measured * total)
        chance = _STANDARD_ERRORS * math.sqrt(float((residuals**2).sum())) / float(total.sum())
        threshold = expected + rule.max + chance
        if measured > threshold:
            ids = rows.ids_of_greatest(unknown, unknown > 0)
            counts = Counter(word for words in texts for word in words if word not in vocabulary.words)
            message = (
                f"split '{split}', feature '{features.DESCRIPTION}': {measured:.1%} of the words are unknown to "
                f"'{features.TRAIN}' ({join_names(word for word, _ in counts.most_common())}), "
                f"{expected:.1%} were to be expected, gate.vocabulary.max allows {rule.max:.1%} more and chance "
                f"{chance:.1%}{mention_ids(ids)}; mend the texts, add such rows to '{features.TRAIN}', or raise it"
            )
            yield Finding(
                "vocabulary",
                rule.severity,
                message,
                features.DESCRIPTION,
                split,
                measured=measured,
                formula=OUT_OF_VOCABULARY_SHARE,
                threshold=threshold,
                ids=ids,
            )
