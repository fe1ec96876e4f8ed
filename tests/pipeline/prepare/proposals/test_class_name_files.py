"""When init takes a file beside a catalogue for the names of its numbered classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.prepare.proposals.class_name_files import propose_class_names
from diptych.pipeline.prepare.proposals.decisions import Decision
from tests.pipeline.prepare.proposals.evidence import evidence_of_rows, settings_of


def proposed(folder: Path, labels: list[Any], **options: Any) -> dict[str, Any]:
    evidence = evidence_of_rows(folder, [{"label": label} for label in labels], **options)
    return settings_of(propose_class_names, evidence)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\nbird\n"),
        ("labels.txt", "0 cat\n1 dog\n2 bird"),
        ("class_names.txt", "cat\ndog\nbird"),
        ("obj.names", "cat\ndog\nbird"),
        ("data.yaml", "names: [cat, dog, bird]"),
        ("config.json", '{"id2label": {"0": "cat", "1": "dog", "2": "bird"}}'),
        ("label_num_to_disease_map.json", '{"0": "cat", "1": "dog", "2": "bird"}'),
        ("signnames.csv", "ClassId,SignName\n0,cat\n1,dog\n2,bird\n"),
        ("pets_label_map.pbtxt", "item { id: 0 name: 'cat' } item { id: 1 name: 'dog' } item { id: 2 name: 'bird' }"),
        ("class_indices.json", '{"cat": 0, "dog": 1, "bird": 2}'),
    ],
)
def test_a_file_that_names_all_numbers_is_taken(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    for labels in ([0, 1, 2], ["0", "2"], [0.0, 1.0, None], [[0, 1], [2]]):
        assert proposed(tmp_path, labels, several_labels=True) == {"class_names": name}


def test_the_evidence_is_said(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\nbird\n")
    assert propose_class_names(evidence_of_rows(tmp_path, [{"label": 0}, {"label": 2}])) == [
        Decision("data.class_names", "classes.txt", "the labels are 2 numbers, of which 'classes.txt' names 3")
    ]


def test_numbers_from_one_are_named_in_the_order_of_the_lines(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (decision,) = propose_class_names(evidence_of_rows(tmp_path, [{"label": 1}, {"label": 2}]))
    assert decision.value == {"1": "cat", "2": "dog"}
    assert decision.alternatives == ["data.class_names: classes.txt, if they are counted from 0"]


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("classes.txt", "cat\ndog\n", ["cat", "dog"]),
        ("classes.txt", "cat\ndog\n", [0, 7]),
        ("readme.txt", "cat\ndog\n", [0, 1]),
        ("classes.txt", "", [0, 1]),
        ("data.yaml", "path: here", [0, 1]),
    ],
)
def test_other_labels_and_other_files_say_nothing(tmp_path: Path, name: str, text: str, labels: list[Any]) -> None:
    (tmp_path / name).write_text(text)
    assert proposed(tmp_path, labels) == {}


def test_names_that_are_set_are_left(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert proposed(tmp_path, [0, 1], class_names={"0": "a", "1": "b"}) == {}
