"""How texts are encoded: the options."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from models.options import Options


class TextOptions(Options):
    """How descriptions become a bag of words."""

    max_features: int | None = Field(5000, ge=1, description="Most terms to keep, the most frequent; null keeps all.")
    min_df: int = Field(1, ge=1, description="A term stays if at least this many descriptions hold it.")
    ngrams: tuple[int, int] = Field((1, 1), description="Shortest and longest run of words that is a term.")
    lowercase: bool = Field(True, description="Whether terms are lower case.")
    stop_words: Literal["english"] | tuple[str, ...] | None = Field(
        None, description="Words to drop: 'english' for scikit-learn's list, or a list."
    )

    @field_validator("ngrams")
    @classmethod
    def _ngrams_in_order(cls, value: tuple[int, int]) -> tuple[int, int]:
        shortest, longest = value
        if not 1 <= shortest <= longest <= 5:
            raise ValueError(f"ngrams are [shortest, longest] with 1 <= shortest <= longest <= 5, not {list(value)}")
        return value

    @field_validator("stop_words")
    @classmethod
    def _no_empty_stop_word(cls, value: Any) -> Any:
        if isinstance(value, tuple) and not all(value):
            raise ValueError("a stop word is empty")
        return value

    @property
    def stop_word_list(self) -> list[str]:
        """The words themselves."""
        if self.stop_words == "english":
            from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

            return sorted(ENGLISH_STOP_WORDS)
        return list(self.stop_words or ())
