"""What init takes for the texts of a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.texts import propose_texts
from tests.pipeline.prepare.proposals.evidence import evidence_of, evidence_of_rows

LABELS = ("cat", "dog")
ENCODING = [
    Decision("text.encoding", "tfidf", "terms that few texts have count more"),
    Decision("text.ngrams", [1, 2], "words, and two in a row"),
    Decision("text.max_features", 20_000, "the most frequent ones"),
]


def decided(folder: Path, rows: list[dict[str, Any]], **columns: str) -> dict[str, Any]:
    """What is decided of the catalogue, by key; how texts are encoded is left out."""
    decisions = propose_texts(evidence_of_rows(folder, rows, columns=columns))
    return {
        decision.key.removeprefix("data."): decision.value for decision in decisions if decision.key.startswith("data.")
    }


def rows_of(**values: Any) -> list[dict[str, Any]]:
    """Twelve rows of two labels; a text that is given has the number of the row in the place of its ``{}``."""
    return [
        {
            "label": LABELS[number % 2],
            **{name: value.format(number) if isinstance(value, str) else value for name, value in values.items()},
        }
        for number in range(12)
    ]


def test_one_column_of_texts_is_left_as_it_is(tmp_path: Path) -> None:
    assert decided(tmp_path, rows_of(description="a thing {}", year="20{}")) == {}


def test_texts_are_encoded_as_linear_models_like_them(tmp_path: Path) -> None:
    assert propose_texts(evidence_of_rows(tmp_path, rows_of(description="a thing {}"))) == ENCODING
    assert ENCODING[0].key not in [decision.key for decision in propose_texts(evidence_of_rows(tmp_path, rows_of()))]


def test_several_columns_of_texts_make_a_template(tmp_path: Path) -> None:
    rows = rows_of(brand="Acme", title="Bicycle number {}", sku="k{}")
    evidence = evidence_of_rows(tmp_path, rows, columns={"description": "title", "id": "sku"})
    assert propose_texts(evidence) == [
        Decision(
            "data.columns.description",
            "{title}. {brand}",
            "2 columns hold texts; what is empty is left out",
            ["data.columns.description: title", "data.columns.description: brand"],
        ),
        *ENCODING,
    ]


def test_at_most_four_columns_make_a_template(tmp_path: Path) -> None:
    rows = rows_of(**{f"caption_{number}": f"the caption {number} of {{}}" for number in range(6)})
    template = "{caption_0}. {caption_1}. {caption_2}. {caption_3}"
    assert decided(tmp_path, rows, description="caption_0") == {"columns.description": template}


@pytest.mark.parametrize(
    "other",
    [
        {"class_name": "a {}"},
        {"photographer": "Ann Lee"},
        {"title": "7"},
        {"title_image": "photo {}.jpg"},
        {"title": "https://example.org/{}"},
        {"license": "free for all uses"},
        {"tags": "x"},
    ],
)
def test_other_columns_make_no_template(tmp_path: Path, other: dict[str, str]) -> None:
    rows = rows_of(caption="a thing {}", **other)
    if "class_name" in other:
        rows = [{**row, "class_name": f"the {row['label']}"} for row in rows]
    assert decided(tmp_path, rows, description="caption") == {}


def test_prose_is_taken_whatever_its_column_is_called(tmp_path: Path) -> None:
    rows = rows_of(notes="seen {} times from the left side")
    assert decided(tmp_path, rows) == {"columns.description": "notes"}


def test_a_text_that_names_the_file_too_is_taken(tmp_path: Path) -> None:
    rows = rows_of(title="red bicycle {}")
    assert decided(tmp_path, rows, image="images/{title}.jpg") == {"columns.description": "title"}


def test_without_texts_the_model_is_one_of_images_alone(tmp_path: Path) -> None:
    (decision,) = propose_texts(evidence_of_rows(tmp_path, rows_of(width=7)))
    assert decision == Decision(
        "data.columns.description",
        None,
        "no column holds texts that describe the images: a model of the images alone",
    )
    (decision,) = propose_texts(evidence_of_rows(tmp_path, rows_of(description="")))
    assert decision.value is None
    assert decision.reason.startswith("description is empty in all that was sampled (12 rows)")


def test_rows_without_a_text_are_kept_if_others_have_one(tmp_path: Path) -> None:
    rows = rows_of(description="a thing {}")
    for row in rows[:3]:
        row["description"] = " "
    assert propose_texts(evidence_of_rows(tmp_path, rows)) == [
        Decision(
            "data.missing_descriptions",
            "keep",
            "3 of 12 sampled rows have no text; kept with an empty one",
            ["data.missing_descriptions: reject"],
        ),
        *ENCODING,
    ]


def test_a_template_is_empty_only_where_all_its_columns_are(tmp_path: Path) -> None:
    rows = rows_of(title="A thing {}", brand="Acme")
    rows[0]["title"], rows[1]["brand"] = "", ""
    assert decided(tmp_path, rows, description="title") == {"columns.description": "{title}. {brand}"}
    rows[0]["brand"] = ""
    assert "missing_descriptions" in decided(tmp_path, rows, description="title")


def test_images_in_class_folders_without_texts(tmp_path: Path) -> None:
    for label in LABELS:
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "1.jpg").write_bytes(b"")
    (decision,) = propose_texts(evidence_of(tmp_path / "set"))
    assert (decision.key, decision.value) == ("data.columns.description", None)
