"""Splits of files that a repository's README.md declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions

SPLITS = "- split: train\n    path: a.csv\n  - split: validation\n    path: [b.csv, 'more/*.csv']"


def opened(folder: Path, front: str, *names: str) -> Catalogue:
    (folder / "README.md").write_text(f"---\n{front}\n---\n# Pets\n", encoding="utf-8")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("image,description,label\n1.png,a text,cat\n", encoding="utf-8")
    return Catalogue.open(DataOptions(catalogue=str(folder)))


def splits_of(catalogue: Catalogue) -> dict[str, str | None]:
    return {Path(source).name: row.split for source, row in catalogue.rows()}


def front_of(*configs: str) -> str:
    return "configs:\n" + "\n".join(f"- config_name: {name}\n  data_files:\n  {SPLITS}" for name in configs)


@pytest.mark.parametrize("front", [front_of("default"), front_of("pets"), front_of("other", "default")])
def test_files_have_the_splits_that_the_readme_gives_them(tmp_path: Path, front: str) -> None:
    catalogue = opened(tmp_path, front, "a.csv", "b.csv", "c.csv")
    assert splits_of(catalogue) == {"a.csv": "train", "b.csv": "val"}
    assert catalogue.splits.by == "its README.md"
    assert [Path(source).name for source in catalogue.splits.unread] == ["c.csv"]


def test_the_readme_comes_before_the_names_of_files(tmp_path: Path) -> None:
    front = "configs:\n- data_files:\n  - {split: train, path: test.csv}\n  - {split: test_a, path: train.csv}"
    assert splits_of(opened(tmp_path, front, "train.csv", "test.csv")) == {"test.csv": "train", "train.csv": "test"}


@pytest.mark.parametrize(
    "front",
    [
        "license: mit",
        "configs: 3",
        "configs: []",
        "configs: [{data_files: a.csv}]",
        "configs: [{data_files: [{split: sft, path: a.csv}]}]",
        "configs: [{data_files: [{split: train, path: ../*.csv}]}]",
        "configs: !!python/object/apply:os.getcwd []",
        front_of("one", "other"),
    ],
)
def test_a_readme_that_says_nothing_of_splits(tmp_path: Path, front: str) -> None:
    (tmp_path / "pets").mkdir()
    catalogue = opened(tmp_path / "pets", front, "a.csv", "b.csv")
    assert splits_of(catalogue) == {"a.csv": None, "b.csv": None}
