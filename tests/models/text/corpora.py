"""Texts on which encodings are compared: the emoji descriptions, and generated texts of many scripts."""

from __future__ import annotations

import csv
import random

import pytest
from hypothesis import strategies as st

from tests.paths import EMOJI

# Letters with special rules, word separators, line ends and marks, which random characters would rarely contain.
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
    """The 3,394 descriptions of the emoji catalogue; without it the test is skipped."""
    if not EMOJI.is_dir():
        pytest.skip("the emoji catalogue is not there: ../shared/data/emoji/catalogue.csv")
    with (EMOJI / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        return [row["description"] for row in csv.DictReader(file)]


def generated_texts(count: int) -> list[str]:
    """Two blank texts, then texts of words, most of which are of one script; the same texts in each run."""
    rng = random.Random(5)

    def word() -> str:
        alphabet = rng.choice(ALPHABETS) if rng.random() < 0.9 else SPECIAL
        return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 4)))

    return [
        "",
        " ",
        *(rng.choice(["  ", " ", "-"]).join(word() for _ in range(rng.randint(1, 12))) for _ in range(count)),
    ]
