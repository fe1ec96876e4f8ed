"""Names of ``ClassLabel`` features, from each place where Hugging Face's tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_inputs
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import parquet, rows
from diptych.components.catalogue.readers.huggingface_features import (
    class_names_beside,
    name_values,
    schema_class_names,
)
from diptych.components.catalogue.readers.rows import Row
from diptych.components.catalogue.reasons import RowError

CLASSES = {"names": ["cat", "dog, big"], "_type": "ClassLabel"}
FEATURES = {
    "image": {"_type": "Image"},
    "text": {"dtype": "string", "_type": "Value"},
    "label": CLASSES,
    "tags": {"feature": CLASSES, "_type": "List"},
    "older": [CLASSES],
    "meta": {"kind": CLASSES, "size": {"dtype": "int64", "_type": "Value"}},
    "objects": {"feature": {"kind": CLASSES}, "length": -1, "_type": "Sequence"},
}
NAMES = {
    "label": ("cat", "dog, big"),
    "tags": ("cat", "dog, big"),
    "older": ("cat", "dog, big"),
    "meta": {"kind": ("cat", "dog, big")},
    "objects": {"kind": ("cat", "dog, big")},
}
README = """---
license: mit
dataset_info:
  features:
  - name: image
    dtype: image
  - name: label
    dtype:
      class_label:
        names:
          '1': dog
          '0': cat
  - name: tags
    sequence:
      class_label:
        names:
          '0': a
  - name: meta
    struct:
    - name: kind
      dtype:
        class_label:
          names: [x, y]
  splits:
  - name: train
---
# Cats
"""


def test_the_metadata_of_a_schema_name_the_classes() -> None:
    metadata = {b"huggingface": json.dumps({"info": {"features": FEATURES}}).encode()}
    assert schema_class_names(metadata) == NAMES


@pytest.mark.parametrize("metadata", [None, {}, {b"pandas": b"{}"}, {b"huggingface": b"["}, {b"huggingface": b"[]"}])
def test_other_metadata_say_nothing(metadata: dict[bytes, bytes] | None) -> None:
    assert schema_class_names(metadata) is None


@pytest.mark.parametrize("place", [".", ".."])
@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("dataset_info.json", json.dumps({"features": FEATURES}), NAMES),
        ("dataset_infos.json", json.dumps({"default": {"features": FEATURES}}), NAMES),
        ("README.md", README, {"label": ("cat", "dog"), "tags": ("a",), "meta": {"kind": ("x", "y")}}),
        ("README.md", "# No front matter", {}),
        ("README.md", "---\ndataset_info: !!python/object/apply:os.getcwd []\n---\n", {}),
        ("dataset_info.json", "{", {}),
        ("dataset_info.json", "[1]", {}),
        ("dataset_infos.json", '{"description": "of another tool"}', {}),
    ],
)
def test_files_beside_or_above_name_the_classes(
    tmp_path: Path, place: str, name: str, content: str, names: dict[str, Any]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / place / name).write_text(content)
    assert class_names_beside(str(folder / "train.parquet"), DataOptions(catalogue="x")) == names


def test_of_several_configurations_the_one_of_the_path_counts(tmp_path: Path) -> None:
    infos = {name: {"features": {"label": {**CLASSES, "names": [name]}}} for name in ("small", "large")}
    for folder in ("small", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dataset_infos.json").write_text(json.dumps(infos))
    data = DataOptions(catalogue="x")
    assert class_names_beside(str(tmp_path / "small" / "train.parquet"), data) == {"label": ("small",)}
    assert class_names_beside(str(tmp_path / "data" / "train.parquet"), data) == {}


def test_numbers_get_names_at_any_depth() -> None:
    value = {"label": 0, "tags": [1, -1], "meta": {"kind": 1, "size": 1}, "older": None, "text": "t"}
    assert name_values(value, NAMES) == {
        "label": "cat",
        "tags": ["dog, big", None],
        "meta": {"kind": "dog, big", "size": 1},
        "older": None,
        "text": "t",
    }
    with pytest.raises(RowError, match="number 2 is none of the 2 labels that have names"):
        name_values([2], NAMES["tags"])


def write_parquet(path: Path, columns: dict[str, Any], features: dict[str, Any] | None) -> None:
    table = pa.table({"image": ["a.png"] * 4, "description": ["t"] * 4, **columns})
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)


def read(path: Path, **options: Any) -> list[Row]:
    return [row for _, row in Catalogue.open(DataOptions(catalogue=str(path), **options)).rows()]


@pytest.mark.parametrize("rows_per_chunk", [4096, 1])
def test_numbers_of_a_parquet_file_become_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_chunk: int
) -> None:
    """Also those of a file whose row group is too large, and is copied."""
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", rows_per_chunk)
    monkeypatch.setattr(parquet, "_ROWS_PER_BATCH", rows_per_chunk)
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"label": [0, 1, -1, 2]}, {"label": CLASSES})
    found = read(path)
    assert [row.labels for row in found] == [("cat",), ("dog, big",), (), ()]
    problem = ("unknown_label", "column 'label': number 2 is none of the 2 labels that have names")
    assert [row.problem for row in found] == [None, None, None, problem]
    assert found[3].image == "a.png"


def test_a_list_of_numbers_is_several_labels(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"tags": [[0], [1, 0], [], None]}, {"tags": {"feature": CLASSES, "_type": "List"}})
    found = read(path, columns={"label": "tags"}, several_labels=True)
    assert [row.labels for row in found] == [("cat",), ("cat", "dog, big"), (), ()]


def test_a_name_that_holds_the_separator_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"label": [0, 1, 1, 0]}, {"label": CLASSES})
    assert {row.labels for row in read(path, label_separator=",")} == {("cat",), ("dog, big",)}


def test_a_sample_shows_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"label": [0, 1, -1, 2]}, {"label": CLASSES})
    sample = Catalogue.open(DataOptions(catalogue=str(path))).sample(10)
    assert [values["label"] for _, values in sample] == ["cat", "dog, big", None]


def test_names_beside_a_file_count_if_it_has_none_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"label": [0, 1, 0, 1]}, None)
    before = digest_inputs(Catalogue.open(DataOptions(catalogue=str(path))))
    assert {row.labels for row in read(path)} == {("0",), ("1",)}
    (tmp_path / "README.md").write_text(README)
    assert {row.labels for row in read(path)} == {("cat",), ("dog",)}
    assert digest_inputs(Catalogue.open(DataOptions(catalogue=str(path)))) != before
