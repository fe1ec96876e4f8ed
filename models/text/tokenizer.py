"""Texts become terms: what scikit-learn's ``build_analyzer`` gives, in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

from diptych.models.text.character_tables import CharacterMap, characters_matching, encode_utf8, re2_character_class
from diptych.models.text.options import TextOptions
from diptych.models.text.ragged import mask_values
from diptych.models.text.token_patterns import TokenPattern, parse_token_pattern
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary import escape_term_tensor

if TYPE_CHECKING:
    import tensorflow as tf

    Tokenizer = Callable[[tf.Tensor], tf.RaggedTensor]

# No UTF-8 holds it.
_MARK = b"\xff"
# One regular expression of all would pass RE2's limits.
_STOP_WORDS_AT_ONCE = 1000


def make_tokenizer(options: TextOptions) -> Tokenizer:
    """The function of string ``[b]`` texts to their terms.

    The terms are ragged string ``[b, None]``, with repetitions, in scikit-learn's order, spelled as in the vocabulary's
    file (``diptych.models.text.vocabulary.escape_term``).
    """
    return {"word": _word_tokenizer, "char": _char_tokenizer, "char_wb": _char_wb_tokenizer}[options.analyzer](options)


def _word_tokenizer(options: TextOptions) -> Tokenizer:
    import tensorflow as tf

    pattern = parse_token_pattern(options.token_pattern)
    find = _find_runs(options, pattern) if pattern.words else _find_matches(options, pattern)
    stop_patterns = list(_alternatives(options.stop_word_list))
    shortest, longest = options.ngrams

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        words = find(texts)
        for stop_pattern in stop_patterns:
            words = mask_values(words, ~tf.strings.regex_full_match(words.flat_values, stop_pattern))
        return words if longest == 1 else tf.strings.ngrams(words, list(range(shortest, longest + 1)), separator=" ")

    return tokenize


def _find_runs(options: TextOptions, pattern: TokenPattern) -> Tokenizer:
    """Runs of word characters that the pattern matches as a whole."""
    import tensorflow as tf

    normalize = _normalizer(options.lowercase, options.strip_accents, r"\W")

    def find(texts: tf.Tensor) -> tf.RaggedTensor:
        runs = tf.strings.split(normalize(texts))
        return mask_values(runs, tf.strings.regex_full_match(runs.flat_values, pattern.re2))

    return find


def _find_matches(options: TextOptions, pattern: TokenPattern) -> Tokenizer:
    """What the pattern matches, one after the other."""
    import tensorflow as tf

    normalize = _normalizer(options.lowercase, options.strip_accents, None)
    marked = _MARK + rb"\%d" % pattern.group + _MARK

    def find(texts: tf.Tensor) -> tf.RaggedTensor:
        # What stands between matches and the matches take turns.
        pieces = tf.strings.split(tf.strings.regex_replace(normalize(texts), pattern.re2, marked), _MARK)
        place = tf.range(tf.size(pieces.flat_values, tf.int64)) - tf.gather(pieces.row_starts(), pieces.value_rowids())
        found = mask_values(pieces, place % 2 == 1)
        return found.with_flat_values(escape_term_tensor(found.flat_values))

    return find


def _char_tokenizer(options: TextOptions) -> Tokenizer:
    import tensorflow as tf

    normalize = _normalizer(options.lowercase, options.strip_accents, None)
    white_spaces = re2_character_class(characters_matching(r"\s")) + "{2,}"
    shortest, longest = options.ngrams

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        characters = _split_characters(tf.strings.regex_replace(normalize(texts), white_spaces, " "))
        return tf.strings.ngrams(characters, list(range(shortest, longest + 1)), separator="")

    return tokenize


def _char_wb_tokenizer(options: TextOptions) -> Tokenizer:
    import tensorflow as tf

    normalize = _normalizer(options.lowercase, options.strip_accents, r"\s")
    shortest, longest = options.ngrams

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        words = tf.strings.split(normalize(texts))
        characters = _split_characters(tf.strings.join([" ", words.flat_values, " "]))
        # A word shorter than the shortest n-gram is one itself.
        terms = tf.strings.ngrams(
            characters, list(range(shortest, longest + 1)), separator="", preserve_short_sequences=True
        )
        return words.with_values(terms).merge_dims(1, 2)

    return tokenize


@cache
def _normalizer(lowercase: bool, strip_accents: Literal["ascii", "unicode"] | None, blank: str | None) -> CharacterMap:
    """What scikit-learn does to a text first; kept, since Transform traces each graph several times."""
    options = TextOptions(lowercase=lowercase, strip_accents=strip_accents)
    return CharacterMap(make_vectorizer(options).build_preprocessor(), blank)


def _alternatives(words: Sequence[str]) -> Iterator[str]:
    """Patterns that match the words and nothing else, each some of them."""
    spelled = ["".join(rf"\x{{{ord(character):X}}}" for character in word) for word in words]
    for start in range(0, len(spelled), _STOP_WORDS_AT_ONCE):
        yield "|".join(spelled[start : start + _STOP_WORDS_AT_ONCE])


def _split_characters(texts: tf.Tensor) -> tf.RaggedTensor:
    """The characters of string ``[n]`` texts, spelled as in the vocabulary's file: ragged string ``[n, None]``."""
    import tensorflow as tf

    decoded = tf.strings.unicode_decode(texts, "UTF-8")
    distinct, place = tf.unique(decoded.flat_values)
    spelled = escape_term_tensor(encode_utf8(tf.RaggedTensor.from_tensor(distinct[:, None])))
    return decoded.with_flat_values(tf.gather(spelled, place))
