"""Texts to compare on: the emoji descriptions, and generated ones of many scripts."""

from __future__ import annotations

import csv
import random

import pytest
from hypothesis import strategies as st

from tests.paths import EMOJI

# Letters with rules of their own, what parts words, line ends, and marks, more often than chance would bring them.
SPECIAL = [
    *"aZß_-'’. 19\t\n\r\\\x00\x1c\x85",
    *"ΣσςΑαİıIiǅﬁŉ",
    *"\u0301\u0307\u0345\u200d\xa0\xad\u2028\ufeff\ufffd\U0010ffff",
    *"字漢한국ไทहिन्दी१½²ﷺЖжё",
    *"🙂👩🏽\u200d🚀",
]
ALPHABETS = [
    "abcdefgh",
    "ABCDEFGH",
    "ΑΒΣαβσς",
    "АБВабвёЁ",
    "İIıiŞşĞğ",
    "漢字日本語かな",
    "한국어말",
    "e\u0301a\u0308o\u0302\u0323",
    "🙂🎉👍🏽\u200d",
    "हिन्दी",
    "0123१२三",
    " .,-_\n",
]

any_text = st.text(st.sampled_from(SPECIAL) | st.characters(exclude_categories=["Cs"]), max_size=30)


def emoji_descriptions() -> list[str]:
    """All 3,394 of them."""
    if not EMOJI.is_dir():
        pytest.skip("the emoji catalogue is not there: ../shared/data/emoji/catalogue.csv")
    with (EMOJI / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        return [row["description"] for row in csv.DictReader(file)]


def generated_texts(count: int) -> list[str]:
    """Two blank texts, then texts of words, most of one script each; the same in each run."""
    dice = random.Random(5)

    def word() -> str:
        alphabet = dice.choice(ALPHABETS) if dice.random() < 0.9 else SPECIAL
        return "".join(dice.choice(alphabet) for _ in range(dice.randint(1, 4)))

    return [
        "",
        " ",
        *(dice.choice(["  ", " ", "-"]).join(word() for _ in range(dice.randint(1, 12))) for _ in range(count)),
    ]
