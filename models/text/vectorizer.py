"""scikit-learn's vectorizers with our options; they define how texts are encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from diptych.models.counts import pluralize
from diptych.models.errors import OptionsError
from diptych.models.text.options import DEFAULT_TOKEN_PATTERN, TextOptions

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer


def make_vectorizer(options: TextOptions) -> CountVectorizer:
    """An unfitted ``TfidfVectorizer`` for the encoding tfidf, else a ``CountVectorizer``.

    scikit-learn has no counterpart to ``length`` and ``oov``: the vectorizer of a sequence counts its terms, and
    ignores a term that the vocabulary lacks.
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    common = {
        "analyzer": options.analyzer,
        "ngram_range": options.ngrams,
        "lowercase": options.lowercase,
        "strip_accents": options.strip_accents,
        "stop_words": options.stop_word_list or None,
        "token_pattern": options.token_pattern,
        "max_features": options.max_features,
        "min_df": options.min_df,
        "max_df": options.max_df,
    }
    if options.encoding == "tfidf":
        return TfidfVectorizer(**common, smooth_idf=options.smooth_idf, norm=options.norm)
    return CountVectorizer(**common, binary=options.encoding == "binary")


def fit_vectorizer(options: TextOptions, texts: Sequence[str]) -> tuple[CountVectorizer, Any]:
    """A fitted vectorizer of ``make_vectorizer`` and what it makes of the texts, a sparse matrix ``[texts, terms]``.

    Raises:
        OptionsError: the options leave no term.
    """
    vectorizer = make_vectorizer(options)
    try:
        return vectorizer, vectorizer.fit_transform(texts)
    except ValueError:
        # scikit-learn has several messages for it, in words of its own.
        terms = {term for text in texts for term in vectorizer.build_analyzer()(text)}
        raise no_term_left(len(terms), len(texts), options) from None


def no_term_left(terms: int, texts: int, options: TextOptions) -> OptionsError:
    """The error of a vocabulary that would be empty, with the settings that may be to blame.

    Args:
        terms: the number of distinct terms before ``min_df`` and ``max_df`` are applied.
        texts: the number of texts.
    """
    if terms:
        found, remedies = f"none of {pluralize(terms, 'term')} is left", list(_remedies_of_rarity(options))
    else:
        found, remedies = "there is no term", list(_remedies_of_splitting(options))
    return OptionsError(
        f"the vocabulary would be empty: {found} in {pluralize(texts, 'description')} of train: "
        f"{', or '.join(remedies)}"
    )


def _remedies_of_rarity(options: TextOptions) -> Iterator[str]:
    # As texts, 1 and 1.0 differ: a number of descriptions, and a share of them.
    if str(options.min_df) not in ("0.0", "1"):
        yield f"lower text.min_df ({options.min_df})"
    if str(options.max_df) != "1.0":
        yield f"raise text.max_df ({options.max_df})"


def _remedies_of_splitting(options: TextOptions) -> Iterator[str]:
    if options.stop_words:
        yield "leave words out of text.stop_words"
    if options.ngrams[0] > 1:
        yield f"begin text.ngrams ({list(options.ngrams)}) with 1"
    if options.token_pattern != DEFAULT_TOKEN_PATTERN:
        yield f"change text.token_pattern ({options.token_pattern})"
    elif options.analyzer == "word":
        yield "set text.analyzer to char, because by default a word has two or more letters or digits"
    yield "write descriptions with words"
