"""An export is there as a whole or not at all, and a refusal says what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from diptych.pipeline.export.dataset import export_dataset
from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.export.formats import FORMATS
from tests.helpers import record_values, write_records
from tests.pipeline.export.formats.runs import write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run")


def list_names(folder: Path) -> list[str]:
    """What lies in a folder beside the run."""
    return sorted(path.name for path in folder.iterdir() if path.name != "run")


def test_what_was_written_is_told(run: Path, tmp_path: Path) -> None:
    exported = export_dataset(str(run), "webdataset", str(tmp_path / "new" / "out"))
    assert exported.examples == {"train": 5, "val": 2, "test": 3}
    written, how = exported.lines()
    assert written == f"Written: {tmp_path}/new/out, as webdataset: train 5, val 2, test 3"
    assert f"{tmp_path}/new/out/train-*.tar" in how
    assert list_names(tmp_path / "new") == ["out"]


def test_an_empty_folder_is_filled(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export_dataset(str(run), "parquet", str(tmp_path / "out"))
    assert list_names(tmp_path) == ["out"]
    assert list_names(tmp_path / "out") == ["test.parquet", "train.parquet", "val.parquet"]


def test_a_folder_that_holds_something_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="'.*out' exists and is no empty folder; remove it, or name another"):
        export_dataset(str(run), "parquet", str(tmp_path / "out"))
    assert list_names(tmp_path / "out") == ["mine.txt"]


def test_a_file_in_the_outputs_place_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="is no empty folder"):
        export_dataset(str(run), "parquet", str(tmp_path / "out"))
    with pytest.raises(NotADirectoryError, match="out/below"):
        export_dataset(str(run), "parquet", str(tmp_path / "out" / "below"))
    assert (tmp_path / "out").read_text() == "mine"


def test_only_local_folders_are_written(run: Path) -> None:
    with pytest.raises(ExportError, match="--output s3://bucket/x: only local folders"):
        export_dataset(str(run), "parquet", "s3://bucket/x")


def test_an_unknown_format_is_told_with_the_nearest(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="--to parket: .*did you mean 'parquet'.*tfrecord, tfds, webdataset, parquet"):
        export_dataset(str(run), "parket", str(tmp_path / "out"))


@pytest.mark.parametrize(
    "content", [None, "no JSON", "[]", '{"artifacts": {}}', '{"artifacts": {"ImageTextExampleGen": 1}}']
)
def test_where_there_is_no_run_it_is_told(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(ExportError, match="is no folder of a run that ingested its catalogue"):
        export_dataset(str(tmp_path), "parquet", str(tmp_path / "out"))


def test_a_run_of_another_version_is_told(run: Path, tmp_path: Path) -> None:
    account = run / "rejects" / "account.json"
    values = json.loads(account.read_text())
    del values["image"]
    account.write_text(json.dumps(values))
    with pytest.raises(ExportError, match="that of another version of Diptych: run it again"):
        export_dataset(str(run), "parquet", str(tmp_path / "out"))


def test_tfrecord_needs_the_vocabulary(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="did not reach Transform"):
        export_dataset(str(run), "tfrecord", str(tmp_path / "out"))


@pytest.mark.parametrize("to", [name for name in FORMATS if name != "tfrecord"])
@pytest.mark.parametrize("damage", ["a file is missing", "all are missing", "cut", "foreign", "no Example"])
def test_a_damaged_dataset_leaves_nothing_behind(run: Path, tmp_path: Path, to: str, damage: str) -> None:
    file = run / "examples" / "Split-train" / "data-00001.tfrecord"
    if damage == "a file is missing":
        file.unlink()
    elif damage == "all are missing":
        shutil.rmtree(run / "examples")
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-30])
    else:
        import tensorflow as tf

        with tf.io.TFRecordWriter(str(file)) as writer:
            writer.write(b"\xff" if damage == "no Example" else tf.train.Example().SerializeToString())
    with pytest.raises(ExportError, match="run the run again"):
        export_dataset(str(run), to, str(tmp_path / "out"))
    assert list_names(tmp_path) == []


def test_a_record_of_another_image_size_is_told(run: Path, tmp_path: Path) -> None:
    write_records(run / "examples" / "Split-val" / "data-00000.tfrecord", [record_values(1, image=b"few")])
    with pytest.raises(ExportError, match=r"record 1 of '.*' is none that Diptych wrote"):
        export_dataset(str(run), "parquet", str(tmp_path / "out"))
