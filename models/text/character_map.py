"""Python's functions of characters, such as ``str.lower``, as TensorFlow functions of texts.

scikit-learn reads texts with Python's ``str`` and ``re``, TensorFlow with ICU and RE2. Each of them has its own version
of Unicode, and RE2's ``\\w`` matches ASCII only. Therefore the graph contains Python's answer for every code point, and
serving later treats texts exactly as training did, whatever libraries are installed there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.models.text.python_characters import CODE_POINTS, all_characters, characters_matching, range_edges

_BLOCK_SIZE = 256
_SIGMA = ord("Σ")
# Codes beyond Unicode: in the input of the table, a capital sigma at the end of a word; in its output, the first of the
# codes that stand for none or several characters.
_FINAL_SIGMA = CODE_POINTS
_FIRST_EXPANSION = CODE_POINTS
# A table's entry is added to the code that is looked up; an entry from here on replaces it, by the entry less this.
_REPLACEMENT = 1 << 24


def encode_utf8(codes: tf.RaggedTensor) -> tf.Tensor:
    """Encodes texts given as code points, ragged int32 ``[n, None]``, in UTF-8: string ``[n]``."""
    # TensorFlow takes the 66 noncharacters (U+FDD0, U+FFFF, ...) for errors; with "ignore" it encodes them unchanged.
    return tf.strings.unicode_encode(codes, "UTF-8", errors="ignore")


@dataclass(frozen=True)
class CharacterMap:
    """A Python function that replaces each character of a text, as a TensorFlow function of texts.

    Attributes:
        function: replaces each character by none, one or several others, regardless of its neighbours. The only
            exception is a capital sigma, which ``str.lower`` replaces according to its neighbours.
        space_pattern: a pattern of one character; characters of the function's result that match it become spaces.
    """

    function: Callable[[str], str]
    space_pattern: str | None = None

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Applies the function to texts in UTF-8, string ``[b]`` to string ``[b]``.

        Bytes that are no UTF-8 are read as U+FFFD.
        """
        decoded = tf.strings.unicode_decode(texts, "UTF-8")
        codes, splits = decoded.flat_values, decoded.row_splits
        # One look-up instead of a dozen ops for most texts in Latin letters.
        codes, splits = tf.cond(
            tf.reduce_all(codes < len(self._simple_table)),
            lambda: (tf.gather(self._simple_table, codes), splits),
            lambda: self._map_any(codes, splits),
        )
        return encode_utf8(tf.RaggedTensor.from_row_splits(codes, splits, validate=False))

    @cached_property
    def _simple_table(self) -> NDArray[np.int32]:
        """The replacements, int32 ``[n]``, of the first characters, up to the first that needs more than a look-up."""
        replacements: list[int] = []
        for character in all_characters():
            text = self._map_text(character)
            if len(text) != 1 or character == "Σ":
                break
            replacements.append(ord(text))
        return np.array(replacements, np.int32)

    def _map_any(self, codes: tf.Tensor, splits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Replaces any characters; codes int32 ``[n]`` and row splits of texts to those of the result."""
        if self._final_sigma != self._map_text("Σ"):
            codes = tf.cond(tf.reduce_any(codes == _SIGMA), lambda: _mark_final_sigmas(codes, splits), lambda: codes)
        codes = self._look_up(codes)
        if not self._table.expansions:
            return codes, splits
        expanded: tuple[tf.Tensor, tf.Tensor] = tf.cond(
            tf.reduce_any(codes >= _FIRST_EXPANSION), lambda: self._expand(codes, splits), lambda: (codes, splits)
        )
        return expanded

    @cached_property
    def _final_sigma(self) -> str:
        return self._map_text("aΣ")[len(self._map_text("a")) :]

    def _map_text(self, text: str) -> str:
        mapped = self.function(text)
        return re.sub(self.space_pattern, " ", mapped) if self.space_pattern else mapped

    @cached_property
    def _table(self) -> _BlockTable:
        table = _BlockTable()
        spaces = characters_matching(self.space_pattern) if self.space_pattern else np.zeros(CODE_POINTS, np.bool_)
        for start in range(0, CODE_POINTS, _BLOCK_SIZE):
            block = slice(start, start + _BLOCK_SIZE)
            characters = all_characters()[block]
            # The function leaves most blocks unchanged, or deletes them: no need to call it for each character.
            mapped = self.function(characters)
            if mapped == characters:
                table.add_entries(np.where(spaces[block], _REPLACEMENT + ord(" "), 0))
            elif not mapped:
                table.add_replacements(start, [""] * _BLOCK_SIZE)
            else:
                table.add_replacements(start, [self._map_text(character) for character in characters])
        table.add_replacements(_FINAL_SIGMA, [self._final_sigma])
        return table

    def _look_up(self, codes: tf.Tensor) -> tf.Tensor:
        """Replaces codes int32 ``[n]`` by the table; expansions are still codes beyond Unicode."""
        numbers = tf.gather(tf.constant(self._table.block_numbers, tf.int32), tf.bitwise.right_shift(codes, 8))
        entries = tf.constant(np.concatenate(self._table.blocks), tf.int32)
        found = tf.gather(entries, tf.bitwise.left_shift(numbers, 8) + tf.bitwise.bitwise_and(codes, 255))
        return tf.where(found >= _REPLACEMENT, found - _REPLACEMENT, codes + found)

    def _expand(self, codes: tf.Tensor, splits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Replaces each code beyond Unicode by the characters that it stands for."""
        expansions = self._table.expansions
        length_of = np.array([len(text) for text in expansions])
        start_of = np.cumsum(length_of) - length_of
        characters = tf.constant([ord(character) for character in "".join(expansions)], tf.int32)
        expands = codes >= _FIRST_EXPANSION
        expansion = tf.where(expands, codes - _FIRST_EXPANSION, 0)
        lengths = tf.where(expands, tf.gather(tf.constant(length_of, tf.int64), expansion), 1)
        ends = tf.cumsum(lengths)
        # For each character of the result: the index of the code that it comes from, and its place in the expansion.
        source = tf.repeat(tf.range(tf.size(codes)), lengths)
        place = tf.range(tf.size(source, tf.int64)) - tf.gather(ends - lengths, source)
        start = tf.gather(tf.constant(start_of, tf.int64), tf.gather(expansion, source))
        expands = tf.gather(expands, source)
        expanded = tf.gather(characters, tf.where(expands, start + place, 0))
        return tf.where(expands, expanded, tf.gather(codes, source)), tf.gather(tf.concat([[0], ends], 0), splits)


class _BlockTable:
    """A table from code to entry in two steps, code to block and block to entries, because most blocks are equal.

    Attributes:
        block_numbers: for each 256 codes the number of their block.
        blocks: the distinct blocks, each int32 ``[256]``.
        expansions: the texts that codes from ``_FIRST_EXPANSION`` on stand for.
    """

    def __init__(self) -> None:
        self.block_numbers: list[int] = []
        self.blocks: list[NDArray[np.int32]] = []
        self.expansions: list[str] = []
        self._number_of_block: dict[bytes, int] = {}
        self._number_of_expansion: dict[str, int] = {}

    def add_replacements(self, start: int, replacements: Sequence[str]) -> None:
        """Adds the next block, given what replaces its first characters, of which ``start`` is the first."""
        entries = [self._entry(start + place, text) for place, text in enumerate(replacements)]
        self.add_entries(np.pad(entries, (0, _BLOCK_SIZE - len(entries))))

    def add_entries(self, entries: NDArray[Any]) -> None:
        """Adds the next block, given its entries."""
        number = self._number_of_block.setdefault(entries.astype(np.int32).tobytes(), len(self.blocks))
        if number == len(self.blocks):
            self.blocks.append(entries.astype(np.int32))
        self.block_numbers.append(number)

    def _entry(self, code: int, text: str) -> int:
        if text == " ":
            return _REPLACEMENT + ord(" ")
        if len(text) == 1:
            return ord(text) - code
        number = self._number_of_expansion.setdefault(text, len(self.expansions))
        if number == len(self.expansions):
            self.expansions.append(text)
        return _REPLACEMENT + _FIRST_EXPANSION + number


def _mark_final_sigmas(codes: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    """Replaces each capital sigma that ends a word by ``_FINAL_SIGMA``.

    It follows a cased character and does not precede one; characters that case ignores are skipped on both sides. This
    is Unicode's rule "Final_Sigma" (The Unicode Standard, table 3-17) as CPython's ``handle_capital_sigma`` reads it.
    """
    cased, case_ignorable = _case_properties()
    indices = tf.where(tf.logical_not(_is_in(codes, case_ignorable)))[:, 0]
    rows = tf.RaggedTensor.from_row_splits(codes, splits, validate=False).value_rowids()
    relevant_codes, relevant_rows = tf.gather(codes, indices), tf.gather(rows, indices)
    is_cased = _is_in(relevant_codes, cased)
    same_row = relevant_rows[1:] == relevant_rows[:-1]
    follows_cased = tf.concat([[False], is_cased[:-1] & same_row], 0)
    precedes_cased = tf.concat([is_cased[1:] & same_row, [False]], 0)
    final = indices[(relevant_codes == _SIGMA) & follows_cased & tf.logical_not(precedes_cased)]
    return tf.tensor_scatter_nd_update(codes, final[:, None], tf.fill(tf.shape(final), _FINAL_SIGMA))


@cache
def _case_properties() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The cased characters and the case-ignorable ones, each bool ``[CODE_POINTS]``, as ``str.lower`` reveals them."""
    cased = _lowered_sigma_before(" ") == ord("σ")
    neither = _lowered_sigma_before("A") == ord("ς")
    return cased, ~(cased | neither)


def _lowered_sigma_before(end: str) -> NDArray[np.uint32]:
    """For each character c the sigma in ``("AΣ" + c + end).lower()``, as code points ``[CODE_POINTS]``."""
    texts = np.empty((CODE_POINTS, 4), np.uint32)
    texts[:] = [ord("A"), _SIGMA, 0, ord(end)]
    texts[:, 2] = np.arange(CODE_POINTS)
    # The lower case of İ has two characters, which would shift all further answers; I is cased as well.
    texts[ord("İ"), 2] = ord("I")
    lower = texts.tobytes().decode("utf-32-le", "surrogatepass").lower()
    return np.frombuffer(lower.encode("utf-32-le", "surrogatepass"), np.uint32)[1::4]


def _is_in(codes: tf.Tensor, characters: NDArray[np.bool_]) -> tf.Tensor:
    """Whether each of some codes int32 ``[n]`` is in a set of characters, bool ``[n]``."""
    edges = tf.constant(range_edges(characters), tf.int32)
    return tf.searchsorted(edges, codes, side="right") % 2 == 1
