"""Words that training cannot know: those of val and test that train lacks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from diptych.components.data_gate.findings import Finding, name_some, rows_with
from diptych.components.data_gate.options import VocabularyRule
from diptych.components.data_gate.rows import Rows
from diptych.models import features
from diptych.models.text.options import TextOptions
from diptych.models.text.vectorizer import make_vectorizer

UNKNOWN_WORDS = "share of out-of-vocabulary words"

# Standard errors that chance may do.
_ERRORS = 3
_WORDS_NAMED = 5


@dataclass(frozen=True)
class Vocabulary:
    """The words of a split.

    Attributes:
        words: all of them, whatever ``text.min_df`` and ``text.max_features`` keep.
        lone: the share of its words that only one group has: what share another such group would find unknown, by
            leaving out one group after the other. I. J. Good, "The population frequencies of species and the estimation
            of population parameters" (1953), with groups for draws. None without words.
        split_text: a text's words, as ``text`` says.
    """

    words: frozenset[str]
    lone: float | None
    split_text: Callable[[str], list[str]]


def read_vocabulary(rows: Rows, options: TextOptions) -> Vocabulary:
    """The words of a split; of character n-grams the shortest, of n-grams of words too."""
    shortest = options.ngrams[0]
    split_text = make_vectorizer(options.model_copy(update={"ngrams": (shortest, shortest)})).build_analyzer()
    owners: dict[str, int] = {}
    counts: Counter[str] = Counter()
    shared = -1
    for text, group in zip(rows.texts[features.DESCRIPTION], rows.group_codes.tolist(), strict=True):
        for word in split_text(text):
            counts[word] += 1
            if owners.setdefault(word, group) != group:
                owners[word] = shared
    alone = sum(counts[word] for word, owner in owners.items() if owner != shared)
    return Vocabulary(frozenset(owners), alone / counts.total() if counts else None, split_text)


def check_vocabulary(
    splits: Mapping[str, Rows], known: Vocabulary, expected: float | None, options: VocabularyRule
) -> Iterator[Finding]:
    """The words of each split that a vocabulary lacks.

    Their share is a ratio of sums over groups; its standard error is that of a ratio estimator (W. G. Cochran,
    "Sampling Techniques", 1977, section 2.11), of which three are added to what is allowed.

    Args:
        splits: val and test.
        expected: the share that is to be expected; None tells nothing.
    """
    if expected is None:
        return
    for split, rows in splits.items():
        texts = [known.split_text(text) for text in rows.texts[features.DESCRIPTION]]
        unknown = np.array([sum(word not in known.words for word in words) for words in texts], np.float64)
        total = np.array([len(words) for words in texts], np.float64)
        if not total.sum():
            continue
        measured = float(unknown.sum() / total.sum())
        residuals = np.bincount(rows.group_codes, unknown - measured * total)
        error = math.sqrt(float((residuals**2).sum())) / float(total.sum())
        threshold = expected + options.max + _ERRORS * error
        if measured > threshold:
            ids = rows.ids_by(unknown, unknown > 0)
            counts = Counter(word for words in texts for word in words if word not in known.words)
            message = (
                f"split '{split}', feature '{features.DESCRIPTION}': {measured:.1%} of the words are unknown to "
                f"'{features.TRAIN}' ({name_some((word for word, _ in counts.most_common()), _WORDS_NAMED)}), "
                f"{expected:.1%} were to be expected, gate.vocabulary.max allows {options.max:.1%} more and chance "
                f"{_ERRORS * error:.1%}{rows_with(ids)}; mend the texts, add such rows to '{features.TRAIN}', or "
                "raise it"
            )
            yield Finding(
                "vocabulary",
                options.severity,
                message,
                features.DESCRIPTION,
                split,
                measured,
                UNKNOWN_WORDS,
                threshold,
                ids,
            )
