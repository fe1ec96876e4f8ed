"""Tasks of Label Studio become rows."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.components.catalogue.readers.label_studio import plain_row


def result(kind: str, value: Any, name: str = "choice", key: str | None = None) -> dict[str, Any]:
    return {"type": kind, "from_name": name, "to_name": "picture", "value": {key or kind: value}}


def task(*annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": 7, "data": {"image": "a.png", "text": "t"}, "annotations": list(annotations), "meta": {}}


def annotation(*results: Any, cancelled: bool = False) -> dict[str, Any]:
    return {"id": 1, "result": list(results), "was_cancelled": cancelled}


@pytest.mark.parametrize(
    ("results", "given"),
    [
        ([result("choices", ["cat"])], {"choice": "cat"}),
        ([result("choices", ["cat", "dog"])], {"choice": ["cat", "dog"]}),
        ([result("textarea", ["red"], "words", "text"), result("rating", 4, "stars")], {"words": "red", "stars": 4}),
        ([result("rectanglelabels", [name]) for name in ("cat", "dog", "cat")], {"choice": ["cat", "dog"]}),
        ([{"type": "relation", "from_id": "a", "to_id": "b"}, "broken"], {}),
    ],
)
def test_what_an_annotator_gave_stands_by_the_name_of_its_control(results: list[Any], given: dict[str, Any]) -> None:
    assert plain_row(task(annotation(*results))) == ({"id": 7, "image": "a.png", "text": "t", **given}, None)


def test_cancelled_annotations_do_not_count() -> None:
    cancelled = annotation(result("choices", ["dog"]), cancelled=True)
    values, problem = plain_row(task(cancelled, annotation(result("choices", ["cat"]))))
    assert (values["choice"], problem) == ("cat", None)
    assert plain_row(task(cancelled)) == ({"id": 7, "image": "a.png", "text": "t"}, None)


def test_annotators_that_do_not_agree_make_a_reject() -> None:
    agreed = annotation(result("choices", ["cat"]))
    assert plain_row(task(agreed, agreed))[1] is None
    values, problem = plain_row(task(agreed, annotation(result("choices", ["dog"]))))
    assert values == {}
    assert problem == "its 2 annotations differ: in Label Studio, keep one of them"


@pytest.mark.parametrize("values", [{"image": "a.png"}, {"data": {}, "annotations": "none"}, {"annotations": []}])
def test_other_rows_stay_as_they_are(values: dict[str, Any]) -> None:
    assert plain_row(values) == (values, None)
