"""Declared splits as ``diptych check`` shows them: kept, taken from train, without labels, straddling."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.pipeline.prepare.check import CheckResult, check_catalogue
from diptych.pipeline.prepare.check_lines import describe_check
from diptych.pipeline.prepare.check_page import write_check_page
from diptych.pipeline.settings import Settings, check_settings
from tests.helpers import write_image

_LABELS = ("cat", "dog")


def settings_of(catalogue: Path, **data: Any) -> Settings:
    values = {"data": {"catalogue": str(catalogue), **data}, "image": {"height": 16, "width": 16}}
    return check_settings(values, "test")


def check(catalogue: Path, **data: Any) -> CheckResult:
    return check_catalogue(settings_of(catalogue, **data))


def lines(result: CheckResult) -> str:
    return "\n".join(describe_check(result))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 pictures, ``0.png`` and so on."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(60):
        write_image(folder / f"{number}.png", number)
    return folder


def write(path: Path, numbers: range, labelled: range | None = None, split: str | None = None) -> None:
    """Adds rows of pictures to a table; only those in ``labelled`` have a label, and without it there is no column."""
    header = "image,description" + (",label" if labelled is not None else "") + (",part" if split else "")
    with path.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(header + "\n")
        for number in numbers:
            label = f",{_LABELS[number % 2] if number in labelled else ''}" if labelled is not None else ""
            file.write(f"{number}.png,picture {number}{label}{f',{split}' if split else ''}\n")


def test_a_test_file_without_labels_is_no_reject_that_counts(pictures: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.csv", range(40), range(40))
    write(tmp_path / "test.csv", range(40, 60))
    result = check(tmp_path, images_root=str(pictures))
    assert Counter(reject.reason for reject in result.rejects) == {"unlabelled": 20}
    assert result.rows == sum(result.examples.values()) + 20
    assert result.declared
    assert result.declared.examples == {"train": 40}
    assert result.declared.unlabelled == {"test": 20}
    assert result.declared.from_train == ["val", "test"]
    assert all(result.examples.values())
    assert result.passes
    warnings = [finding for finding in result.findings if finding.rule == "unlabelled"]
    assert [(warning.severity, warning.split) for warning in warnings] == [("warn", "test")]
    assert not [finding for finding in result.findings if finding.rule == "rejects"]
    assert (
        "Splits declared by the names of its files: train 40; test has 20 rows without labels: not learned "
        "from; val and test taken from train"
    ) in lines(result)


def test_a_test_file_that_lacks_some_labels_has_rejects_that_count(pictures: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.csv", range(40), range(40))
    write(tmp_path / "test.csv", range(40, 60), range(40, 55))
    result = check(tmp_path, images_root=str(pictures))
    assert Counter(reject.reason for reject in result.rejects) == {"missing_label": 5}
    assert result.rejects[0].detail == "it has no label, as other rows of 'test' have"
    assert result.examples["test"] == 15


def test_a_column_whose_test_rows_have_no_labels(pictures: Path, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    write(table, range(30), range(30), "Training")
    write(table, range(30, 40), range(40), "dev")
    write(table, range(40, 60), range(40), "TEST")
    result = check(table, images_root=str(pictures), columns={"split": "part"})
    assert result.declared
    assert result.declared.by == "the column 'part'"
    assert result.declared.examples == {"train": 30, "val": 10}
    assert result.declared.unlabelled == {"test": 20}
    assert (result.examples["val"], result.examples["train"] + result.examples["test"]) == (10, 30)
    assert result.passes


@pytest.mark.parametrize(("value", "detail"), [("2", "'2' is a number"), ("all", "'all' is none of train, val, test")])
def test_other_values_of_a_split_column_are_refused_with_the_reason(
    pictures: Path, tmp_path: Path, value: str, detail: str
) -> None:
    table = tmp_path / "rows.csv"
    write(table, range(30), range(60), "train")
    write(table, range(30, 33), range(60), value)
    result = check(table, images_root=str(pictures), columns={"split": "part"})
    assert [reject.reason for reject in result.rejects] == ["unknown_split"] * 3
    assert result.rejects[0].detail.startswith(detail)


def test_rows_that_straddle_stop_a_run_unless_they_move_or_are_dropped(pictures: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.csv", range(44), range(60))
    write(tmp_path / "test.csv", range(40, 60), range(60))
    stopped = check(tmp_path, images_root=str(pictures))
    (finding,) = [finding for finding in stopped.findings if finding.stops]
    assert (finding.rule, finding.split) == ("straddling", "test")
    assert "4 rows (20.0%) with an image that another declared split has too: 40.png and, in 'train', 40.png" in (
        finding.message
    )
    for policy, reason in (("move", "duplicate"), ("drop", "straddling")):
        settled = check(tmp_path, images_root=str(pictures), straddling=policy)
        assert settled.passes
        assert settled.examples["test"] == 20
        assert [(reject.reason, Path(reject.source).name) for reject in settled.rejects] == [(reason, "train.csv")] * 4
    assert settled.rejects[0].detail == f"belongs with row 1 of {tmp_path.name}/test.csv, which is in 'test'"


def test_groups_that_straddle_stop_a_run_though_a_column_declares_splits(pictures: Path, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    write(table, range(40), range(60), "train")
    write(table, range(40, 60), range(60), "test")
    text = table.read_text(encoding="utf-8").splitlines()
    grouped = [f"{line},{'group' if number == 0 else (number + 1) // 2}" for number, line in enumerate(text)]
    grouped[1], grouped[-1] = (line.rpartition(",")[0] + ",same" for line in (grouped[1], grouped[-1]))
    table.write_text("\n".join(grouped) + "\n", encoding="utf-8")
    result = check(table, images_root=str(pictures), columns={"split": "part"}, split_by="group")
    (finding,) = [finding for finding in result.findings if finding.stops]
    assert (finding.rule, finding.ids) == ("straddling", ("59.png", "0.png"))


def test_a_declared_split_that_lost_all_its_rows_is_not_replaced_without_a_word(pictures: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.csv", range(50), range(60))
    write(tmp_path / "val.csv", range(50, 54), range(60))
    for number in range(50, 54):
        (tmp_path / f"{number}.png").write_bytes(b"")
    write(tmp_path / "test.csv", range(54, 60), range(60))
    for number in [*range(50), *range(54, 60)]:
        (tmp_path / f"{number}.png").write_bytes((pictures / f"{number}.png").read_bytes())
    result = check(tmp_path)
    (finding,) = [finding for finding in result.findings if finding.stops]
    assert (finding.rule, finding.split) == ("lost_split", "val")
    assert "lost all of its rows (4 empty_file)" in finding.message


def test_splits_without_train_are_refused_before_any_image_is_read(tmp_path: Path) -> None:
    for name in ("val", "test"):
        write(tmp_path / f"{name}.csv", range(3), range(3))
    with pytest.raises(CatalogueError, match="declares val and test, but no train"):
        check(tmp_path)


def test_the_page_says_what_is_declared(pictures: Path, tmp_path: Path) -> None:
    write(tmp_path / "train.csv", range(40), range(40))
    write(tmp_path / "test.csv", range(40, 60))
    settings = settings_of(tmp_path, images_root=str(pictures))
    page = tmp_path / "page.html"
    write_check_page(check_catalogue(settings), settings, str(page), "rejects.jsonl")
    assert "<p>Splits declared by the names of its files: train 40; test has 20 rows" in page.read_text(
        encoding="utf-8"
    )
