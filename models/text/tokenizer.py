"""Splits texts into terms with TensorFlow, exactly as scikit-learn's ``build_analyzer`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Literal

import tensorflow as tf

from diptych.models.text.character_map import CharacterMap, encode_utf8
from diptych.models.text.options import TextOptions
from diptych.models.text.python_characters import characters_matching, re2_character_class
from diptych.models.text.ragged import mask_values
from diptych.models.text.token_patterns import TokenPattern, parse_token_pattern
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary import escape_term_tensor

#: Turns texts, string ``[b]``, into their terms, ragged string ``[b, None]``.
Tokenizer = Callable[[tf.Tensor], tf.RaggedTensor]

# UTF-8 never contains this byte.
_DELIMITER = b"\xff"
# One regular expression for all stop words would exceed RE2's limits.
_STOP_WORDS_PER_PATTERN = 1000


def make_tokenizer(options: TextOptions) -> Tokenizer:
    """The function that splits texts into terms.

    The terms include repetitions, are in scikit-learn's order, and are escaped as in the vocabulary's file
    (``diptych.models.text.vocabulary.escape_term``).
    """
    return {"word": _word_tokenizer, "char": _char_tokenizer, "char_wb": _char_wb_tokenizer}[options.analyzer](options)


def _word_tokenizer(options: TextOptions) -> Tokenizer:
    pattern = parse_token_pattern(options.token_pattern)
    find_words = _word_run_finder(options, pattern) if pattern.matches_runs else _match_finder(options, pattern)
    stop_patterns = list(_stop_word_patterns(options.stop_word_list))
    shortest, longest = options.ngrams

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        words = find_words(texts)
        for stop_pattern in stop_patterns:
            words = mask_values(words, ~tf.strings.regex_full_match(words.flat_values, stop_pattern))
        return words if longest == 1 else tf.strings.ngrams(words, list(range(shortest, longest + 1)), separator=" ")

    return tokenize


def _word_run_finder(options: TextOptions, pattern: TokenPattern) -> Tokenizer:
    """Finds the runs of word characters that the pattern matches as a whole."""
    normalize = _normalizer(options.lowercase, options.strip_accents, r"\W")

    def find(texts: tf.Tensor) -> tf.RaggedTensor:
        runs = tf.strings.split(normalize(texts))
        return mask_values(runs, tf.strings.regex_full_match(runs.flat_values, pattern.re2))

    return find


def _match_finder(options: TextOptions, pattern: TokenPattern) -> Tokenizer:
    """Finds the matches of the pattern from left to right."""
    normalize = _normalizer(options.lowercase, options.strip_accents, None)
    delimited = _DELIMITER + rb"\%d" % pattern.group + _DELIMITER

    def find(texts: tf.Tensor) -> tf.RaggedTensor:
        pieces = tf.strings.split(tf.strings.regex_replace(normalize(texts), pattern.re2, delimited), _DELIMITER)
        place = tf.range(tf.size(pieces.flat_values, tf.int64)) - tf.gather(pieces.row_starts(), pieces.value_rowids())
        # The even pieces of a text are what stands between its matches.
        matches = mask_values(pieces, place % 2 == 1)
        return matches.with_flat_values(escape_term_tensor(matches.flat_values))

    return find


def _char_tokenizer(options: TextOptions) -> Tokenizer:
    normalize = _normalizer(options.lowercase, options.strip_accents, None)
    repeated_space = re2_character_class(characters_matching(r"\s")) + "{2,}"
    shortest, longest = options.ngrams

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        characters = _split_characters(tf.strings.regex_replace(normalize(texts), repeated_space, " "))
        return tf.strings.ngrams(characters, list(range(shortest, longest + 1)), separator="")

    return tokenize


def _char_wb_tokenizer(options: TextOptions) -> Tokenizer:
    normalize = _normalizer(options.lowercase, options.strip_accents, r"\s")
    shortest, longest = options.ngrams

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        words = tf.strings.split(normalize(texts))
        characters = _split_characters(tf.strings.join([" ", words.flat_values, " "]))
        # A word that is shorter than the shortest n-gram is itself a term.
        terms = tf.strings.ngrams(
            characters, list(range(shortest, longest + 1)), separator="", preserve_short_sequences=True
        )
        return words.with_values(terms).merge_dims(1, 2)

    return tokenize


@cache
def _normalizer(
    lowercase: bool, strip_accents: Literal["ascii", "unicode"] | None, space_pattern: str | None
) -> CharacterMap:
    """What scikit-learn's preprocessor does to a text; cached because Transform traces each graph several times."""
    options = TextOptions(lowercase=lowercase, strip_accents=strip_accents)
    return CharacterMap(make_vectorizer(options).build_preprocessor(), space_pattern)


def _stop_word_patterns(words: Sequence[str]) -> Iterator[str]:
    """Patterns that together match the words and nothing else."""
    escaped = ["".join(rf"\x{{{ord(character):X}}}" for character in word) for word in words]
    for start in range(0, len(escaped), _STOP_WORDS_PER_PATTERN):
        yield "|".join(escaped[start : start + _STOP_WORDS_PER_PATTERN])


def _split_characters(texts: tf.Tensor) -> tf.RaggedTensor:
    """The characters of texts, string ``[n]``, escaped as terms: ragged string ``[n, None]``."""
    decoded = tf.strings.unicode_decode(texts, "UTF-8")
    distinct, positions = tf.unique(decoded.flat_values)
    escaped = escape_term_tensor(encode_utf8(tf.RaggedTensor.from_tensor(distinct[:, None])))
    return decoded.with_flat_values(tf.gather(escaped, positions))
