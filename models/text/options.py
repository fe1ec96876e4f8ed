"""Options of how texts and labels are encoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, StrictFloat, StrictInt, field_validator, model_validator
from typing_extensions import Self

from diptych.models.inputs import TextKind
from diptych.models.labels import LabelOptions, Task
from diptych.models.options import Options

#: scikit-learn's default: runs of two or more letters, digits or underscores.
DEFAULT_TOKEN_PATTERN = r"(?u)\b\w\w+\b"

_LONGEST_NGRAM = {"word": 5, "char": 8, "char_wb": 8}


class TextOptions(Options):
    """How descriptions are encoded: as by scikit-learn's ``CountVectorizer`` or ``TfidfVectorizer``, or as sequences.

    Options that scikit-learn has, too, have the same name and meaning there.
    """

    encoding: Literal["counts", "binary", "tfidf", "sequence"] = Field(
        "counts",
        description="What is stored of each term: its count, 1 or its tf-idf; for sequence its id in the text's order.",
    )
    analyzer: Literal["word", "char", "char_wb"] = Field(
        "word", description="What terms are made of: words, characters, or the characters of one word at a time."
    )
    ngrams: tuple[int, int] = Field(
        (1, 1), description="Shortest and longest run of words or characters that is a term."
    )
    lowercase: bool = Field(True, description="Whether terms are lower case.")
    strip_accents: Literal["ascii", "unicode"] | None = Field(
        None, description="'unicode' strips accents off letters; 'ascii' also drops every character that is not ASCII."
    )
    stop_words: Literal["english"] | tuple[str, ...] | None = Field(
        None, description="Words to drop: 'english' for scikit-learn's list, or a list."
    )
    token_pattern: str = Field(DEFAULT_TOKEN_PATTERN, description="Regular expression of a word, in Python's syntax.")
    max_features: int | None = Field(
        5000, ge=1, description="The greatest number of terms, the most frequent ones; null keeps all."
    )
    min_df: StrictInt | StrictFloat = Field(
        1,
        description="A term stays if at least this many descriptions hold it; a float from 0 to 1 is a share of them.",
    )
    max_df: StrictInt | StrictFloat = Field(
        1.0,
        description="A term stays if at most this many descriptions hold it; a float from 0 to 1 is a share of them.",
    )
    smooth_idf: bool = Field(True, description="For tf-idf: count one more document, which contains every term.")
    norm: Literal["l1", "l2"] | None = Field(
        "l2", description="For tf-idf: the norm by which each text's values are divided."
    )
    length: int = Field(
        64, ge=1, description="For sequence: the number of ids of each text; longer texts are cut, shorter ones padded."
    )
    oov: Literal["drop", "bucket"] = Field(
        "drop",
        description="Unknown terms: dropped, as scikit-learn does, or all counted as one more term, the last.",
    )

    @field_validator("stop_words")
    @classmethod
    def _has_no_empty_stop_word(cls, value: Any) -> Any:
        if isinstance(value, tuple) and not all(value):
            raise ValueError("a stop word is empty")
        return value

    @field_validator("token_pattern")
    @classmethod
    def _pattern_can_be_translated(cls, value: str) -> str:
        if value != DEFAULT_TOKEN_PATTERN:
            from diptych.models.text.token_patterns import parse_token_pattern

            parse_token_pattern(value)
        return value

    @field_validator("min_df", "max_df")
    @classmethod
    def _count_or_share(cls, value: int | float) -> int | float:
        if isinstance(value, int) and value < 1:
            raise ValueError("a number of documents is at least 1; write a share as a float, for example 0.5")
        if isinstance(value, float) and not 0 <= value <= 1:
            raise ValueError("a share of the documents lies between 0.0 and 1.0; write a number of them as an integer")
        return value

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        shortest, longest = self.ngrams
        most = _LONGEST_NGRAM[self.analyzer]
        if not 1 <= shortest <= longest <= most:
            yield (
                f"ngrams are [shortest, longest] with 1 <= shortest <= longest <= {most} for analyzer "
                f"'{self.analyzer}', not {list(self.ngrams)}"
            )
        if self.analyzer != "word" and self.stop_words:
            yield f"stop_words are words, but analyzer is '{self.analyzer}': leave them out, or set analyzer to word"
        if self.analyzer != "word" and self.token_pattern != DEFAULT_TOKEN_PATTERN:
            yield f"token_pattern finds words, but analyzer is '{self.analyzer}': leave it out, or set analyzer to word"
        if type(self.min_df) is type(self.max_df) and self.min_df > self.max_df:
            yield f"min_df {self.min_df} is greater than max_df {self.max_df}, which leaves no term: lower min_df"
        if self.encoding != "tfidf" and (self.norm, self.smooth_idf) != ("l2", True):
            yield f"norm and smooth_idf belong to encoding tfidf, but encoding is '{self.encoding}': leave them out"
        if self.encoding != "sequence" and self.length != 64:
            yield f"length {self.length} belongs to encoding sequence, but encoding is '{self.encoding}': leave it out"
        if self.encoding == "sequence" and shortest != longest:
            yield f"ngrams {list(self.ngrams)} have no one order in a sequence: set shortest and longest to one number"
        if self.encoding == "tfidf" and self.oov == "bucket":
            yield "oov 'bucket' has no document frequency, which encoding tfidf needs: set oov to drop"

    @property
    def kind(self) -> TextKind:
        """Whether texts are bags of words or sequences."""
        return "sequence" if self.encoding == "sequence" else "bag"

    @property
    def stop_word_list(self) -> list[str]:
        """The stop words, sorted."""
        if self.stop_words == "english":
            from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

            return sorted(ENGLISH_STOP_WORDS)
        return sorted(self.stop_words or ())


def serialize_text_options(options: TextOptions | None) -> str:
    """The options as JSON, by which components are given them; ``null`` says that there are no texts."""
    return "null" if options is None else options.model_dump_json()


def parse_text_options(content: str) -> TextOptions | None:
    """The options of ``serialize_text_options``."""
    return None if content == "null" else TextOptions.model_validate_json(content)


class EncodingOptions(Options):
    """How texts and labels are encoded.

    Attributes:
        text: options of texts; None if there are none.
        label: options of labels.
        task: whether a row has exactly one label or any number of them.
    """

    text: TextOptions | None = TextOptions()
    label: LabelOptions = LabelOptions()
    task: Task = "multiclass"
