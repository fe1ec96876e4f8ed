"""Characters as this Python knows them, for TensorFlow.

scikit-learn reads texts by Python's ``str`` and ``re``, TensorFlow by ICU and RE2, each of which knows another version
of Unicode, and RE2's ``\\w`` is ASCII. So the graph holds Python's own answers, for every code point there is: what is
served later is what was learned, whatever the libraries there know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import tensorflow as tf

CODE_POINTS = 0x110000

_SURROGATES = slice(0xD800, 0xE000)
_BLOCK = 256
_SIGMA = ord("Σ")
# Codes beyond Unicode: on the way in, a sigma that ends a word; on the way out, none or several characters.
_FINAL_SIGMA = CODE_POINTS
_SEVERAL = CODE_POINTS
# In a table, the code itself and no difference to it.
_LITERAL = 1 << 24


@cache
def _every_character() -> str:
    return "".join(map(chr, range(CODE_POINTS)))


@cache
def characters_matching(pattern: str) -> NDArray[np.bool_]:
    """Which code points Python's ``re`` takes for a pattern of one character: bool ``[CODE_POINTS]``, no surrogates."""
    found = np.zeros(CODE_POINTS, np.bool_)
    for match in re.finditer(f"(?:{pattern})+", _every_character()):
        found[slice(*match.span())] = True
    found[_SURROGATES] = False
    return found


def re2_character_class(characters: NDArray[np.bool_]) -> str:
    """The characters of a bool ``[CODE_POINTS]`` as a class in RE2's syntax."""
    edges = _edges(characters).reshape(-1, 2)
    if not len(edges):
        return r"[^\x{0}-\x{10FFFF}]"
    return "[" + "".join(rf"\x{{{first:X}}}-\x{{{end - 1:X}}}" for first, end in edges) + "]"


def _edges(characters: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where runs of true values start and end, by turns."""
    changes = np.diff(characters.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(changes)


def encode_utf8(codes: tf.RaggedTensor) -> tf.Tensor:
    """Texts of ragged int32 ``[n, None]`` code points, in UTF-8: string ``[n]``."""
    import tensorflow as tf

    # TensorFlow takes the 66 noncharacters (U+FDD0, U+FFFF, ...) for errors; ignored, they stay what they are.
    return tf.strings.unicode_encode(codes, "UTF-8", errors="ignore")


@dataclass(frozen=True)
class CharacterMap:
    """What a Python function makes of each character, as a TensorFlow function of texts.

    Attributes:
        function: of a text, each character of which it replaces by none, one or several whatever its neighbours are;
            but for ``str.lower``, which a sigma's neighbours may enter.
        blank: a pattern of one character; those of the function's that match it become spaces.
    """

    function: Callable[[str], str]
    blank: str | None = None

    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """The function's value of each text: string ``[b]`` to string ``[b]``, in UTF-8.

        Bytes that are no UTF-8 count as U+FFFD.
        """
        import tensorflow as tf

        decoded = tf.strings.unicode_decode(texts, "UTF-8")
        codes, splits = decoded.flat_values, decoded.row_splits
        # One step instead of a dozen, for most texts in Latin letters.
        codes, splits = tf.cond(
            tf.reduce_all(codes < len(self._plain)),
            lambda: (tf.gather(self._plain, codes), splits),
            lambda: self._replace_any(codes, splits),
        )
        return encode_utf8(tf.RaggedTensor.from_row_splits(codes, splits, validate=False))

    @cached_property
    def _plain(self) -> NDArray[np.int32]:
        """What the first characters become, int32 ``[n]``, up to the first for which that is more than a look-up."""
        replaced: list[int] = []
        for character in _every_character():
            text = self._replaced(character)
            if len(text) != 1 or character == "Σ":
                break
            replaced.append(ord(text))
        return np.array(replaced, np.int32)

    def _replace_any(self, codes: tf.Tensor, splits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Codes int32 ``[n]`` and row splits of any characters."""
        import tensorflow as tf

        if self._knows_final_sigma:
            codes = tf.cond(tf.reduce_any(codes == _SIGMA), lambda: _mark_final_sigmas(codes, splits), lambda: codes)
        codes = self._look_up(codes)
        if not self._table.several:
            return codes, splits
        spelled: tuple[tf.Tensor, tf.Tensor] = tf.cond(
            tf.reduce_any(codes >= _SEVERAL), lambda: self._spell_out(codes, splits), lambda: (codes, splits)
        )
        return spelled

    @cached_property
    def _knows_final_sigma(self) -> bool:
        return self._final_sigma != self._replaced("Σ")

    @cached_property
    def _final_sigma(self) -> str:
        return self._replaced("aΣ")[len(self._replaced("a")) :]

    def _replaced(self, text: str) -> str:
        replaced = self.function(text)
        return re.sub(self.blank, " ", replaced) if self.blank else replaced

    @cached_property
    def _table(self) -> _Table:
        table = _Table()
        blank = characters_matching(self.blank) if self.blank else np.zeros(CODE_POINTS, np.bool_)
        for start in range(0, CODE_POINTS, _BLOCK):
            block = slice(start, start + _BLOCK)
            characters = _every_character()[block]
            # Most blocks stay as they are, or vanish: no need to ask for each character.
            whole = self.function(characters)
            if whole == characters:
                table.add(np.where(blank[block], _LITERAL + ord(" "), 0))
            elif not whole:
                table.add_replaced(start, [""] * _BLOCK)
            else:
                table.add_replaced(start, [self._replaced(character) for character in characters])
        table.add_replaced(_FINAL_SIGMA, [self._final_sigma])
        return table

    def _look_up(self, codes: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        rows = tf.gather(tf.constant(self._table.of_block, tf.int32), tf.bitwise.right_shift(codes, 8))
        blocks = tf.constant(np.concatenate(self._table.blocks), tf.int32)
        found = tf.gather(blocks, tf.bitwise.left_shift(rows, 8) + tf.bitwise.bitwise_and(codes, 255))
        return tf.where(found >= _LITERAL, found - _LITERAL, codes + found)

    def _spell_out(self, codes: tf.Tensor, splits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Puts the characters that codes beyond Unicode stand for in their places."""
        import tensorflow as tf

        several = self._table.several
        lengths_of = np.array([len(text) for text in several])
        starts_of = np.cumsum(lengths_of) - lengths_of
        spellings = tf.constant([ord(character) for character in "".join(several)], tf.int32)
        stands = codes >= _SEVERAL
        which = tf.where(stands, codes - _SEVERAL, 0)
        lengths = tf.where(stands, tf.gather(tf.constant(lengths_of, tf.int64), which), 1)
        ends = tf.cumsum(lengths)
        # Of each character that comes out: the place of the one that it stands for, and which it is of that one's.
        origin = tf.repeat(tf.range(tf.size(codes)), lengths)
        order = tf.range(tf.size(origin, tf.int64)) - tf.gather(ends - lengths, origin)
        start = tf.gather(tf.constant(starts_of, tf.int64), tf.gather(which, origin))
        stands = tf.gather(stands, origin)
        spelled = tf.gather(spellings, tf.where(stands, start + order, 0))
        return tf.where(stands, spelled, tf.gather(codes, origin)), tf.gather(tf.concat([[0], ends], 0), splits)


class _Table:
    """Codes in two steps: a block's number, then its entries; most blocks are alike."""

    def __init__(self) -> None:
        self.of_block: list[int] = []
        self.blocks: list[NDArray[np.int32]] = []
        self.several: list[str] = []
        self._numbers: dict[bytes, int] = {}
        self._several: dict[str, int] = {}

    def add_replaced(self, start: int, replaced: Sequence[str]) -> None:
        """Adds the block of which these are the first characters' replacements."""
        entries = [self._entry(start + place, text) for place, text in enumerate(replaced)]
        self.add(np.pad(entries, (0, _BLOCK - len(entries))))

    def add(self, entries: NDArray[Any]) -> None:
        """Adds the next block."""
        number = self._numbers.setdefault(entries.astype(np.int32).tobytes(), len(self.blocks))
        if number == len(self.blocks):
            self.blocks.append(entries.astype(np.int32))
        self.of_block.append(number)

    def _entry(self, code: int, text: str) -> int:
        if text == " ":
            return _LITERAL + ord(" ")
        if len(text) == 1:
            return ord(text) - code
        number = self._several.setdefault(text, len(self.several))
        if number == len(self.several):
            self.several.append(text)
        return _LITERAL + _SEVERAL + number


def _mark_final_sigmas(codes: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    """Marks each sigma that ``str.lower`` takes for the last letter of a word.

    It follows a cased character and precedes none, past any that are ignorable to case: Unicode's rule "Final_Sigma"
    (The Unicode Standard, table 3-17) as CPython's ``handle_capital_sigma`` reads it.
    """
    import tensorflow as tf

    cased, ignorable = _cases()
    places = tf.where(tf.logical_not(_is_any_of(codes, ignorable)))[:, 0]
    rows = tf.RaggedTensor.from_row_splits(codes, splits, validate=False).value_rowids()
    codes_there, rows_there = tf.gather(codes, places), tf.gather(rows, places)
    is_cased = _is_any_of(codes_there, cased)
    same_row = rows_there[1:] == rows_there[:-1]
    follows = tf.concat([[False], is_cased[:-1] & same_row], 0)
    precedes = tf.concat([is_cased[1:] & same_row, [False]], 0)
    final = places[(codes_there == _SIGMA) & follows & tf.logical_not(precedes)]
    return tf.tensor_scatter_nd_update(codes, final[:, None], tf.fill(tf.shape(final), _FINAL_SIGMA))


@cache
def _cases() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which characters are cased, and which are ignorable to case, as ``str.lower`` shows."""
    cased = _lower_sigma_before(" ") == ord("σ")
    neither = _lower_sigma_before("A") == ord("ς")
    return cased, ~(cased | neither)


def _lower_sigma_before(end: str) -> NDArray[np.uint32]:
    """The sigma that ``str.lower`` makes of "AΣ" before each character and an end."""
    texts = np.empty((CODE_POINTS, 4), np.uint32)
    texts[:] = [ord("A"), _SIGMA, 0, ord(end)]
    texts[:, 2] = np.arange(CODE_POINTS)
    # The one character with a longer lower case, İ, would shift all answers; I is as cased.
    texts[ord("İ"), 2] = ord("I")
    lower = texts.tobytes().decode("utf-32-le", "surrogatepass").lower()
    return np.frombuffer(lower.encode("utf-32-le", "surrogatepass"), np.uint32)[1::4]


def _is_any_of(codes: tf.Tensor, characters: NDArray[np.bool_]) -> tf.Tensor:
    import tensorflow as tf

    edges = tf.constant(_edges(characters), tf.int32)
    return tf.searchsorted(edges, codes, side="right") % 2 == 1
