"""The report is made of whatever there is, and says of the rest that and why it is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from diptych.components.report.collect import ARTIFACTS, Sources, gather
from diptych.components.report.curves import read_curves
from diptych.components.report.page import render
from diptych.components.report.report_data import RejectedRow
from diptych.components.report.rows import read_at, read_rows
from diptych.components.report.thumbnails import read_pictures, read_rejected
from diptych.models import features
from diptych.models.features import SPLITS
from diptych.models.images.options import ImageOptions
from tests.components.report.made_reports import write_artifacts
from tests.helpers import SMALL, as_file, noise, record_values, write_image, write_records


@pytest.fixture
def uris(tmp_path: Path) -> dict[str, str]:
    return write_artifacts(tmp_path / "run")


def test_everything_there_is_is_shown(uris: dict[str, str]) -> None:
    found = gather(Sources("Täglich", uris))
    assert set(found.missing) == {"model", "model_run"}
    assert found.account and found.account.rows == 48
    assert found.majority == {"accuracy": 0.5, "macro_f1": pytest.approx(1 / 3)}
    assert found.facts and found.facts.read == found.facts.rows == 18
    assert {label: len(some) for label, some in found.facts.sheet.items()} == {"even": 3, "odd": 3}
    text = render(found)
    assert "<title>Täglich: report</title>" in text
    assert ">Not blessed<" in text
    assert "48 rows = 18 examples + 30 rejects" in text
    assert "no 19.png" in text and "no 20.png" not in text
    assert "and 10 more in rejects.jsonl" in text
    assert text.count("data:image/webp;base64,") >= 6


@pytest.mark.parametrize("missing", [name for name in ARTIFACTS if name not in ("model", "model_run")])
def test_any_artifact_may_be_missing(uris: dict[str, str], missing: str) -> None:
    del uris[missing]
    found = gather(Sources("x", uris))
    assert found.missing[missing] == "the run did not come to it"
    assert render(found)


@pytest.mark.parametrize("broken", [name for name in ARTIFACTS if name not in ("model", "model_run")])
def test_any_artifact_may_be_broken(uris: dict[str, str], broken: str) -> None:
    for path in Path(uris[broken]).rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff\xfe broken")
    found = gather(Sources("x", uris))
    # Whether a model is blessed is told by a file's name.
    assert (broken in found.missing) == (broken != "blessing")
    assert render(found)


def test_an_artifact_may_be_an_empty_folder(uris: dict[str, str]) -> None:
    for uri in uris.values():
        shutil.rmtree(uri)
        Path(uri).mkdir()
    assert render(gather(Sources("x", uris)))


def test_a_run_of_nothing_but_a_failure_has_a_page() -> None:
    assert "ImageTextExampleGen failed: no" in render(gather(Sources("x", {}, "ImageTextExampleGen failed: no")))


def test_the_blessing_is_the_one_that_pusher_obeys(uris: dict[str, str]) -> None:
    folder = Path(uris["blessing"])
    (folder / "NOT_BLESSED").rename(folder / "BLESSED")
    assert gather(Sources("x", uris)).blessed is True


def test_records_with_several_labels_and_without_a_group_are_read(tmp_path: Path) -> None:
    rows = [record_values(0, label=["a", "b"]), record_values(1, label="a", group="g")]
    write_records(tmp_path / "Split-train" / "data.tfrecord", rows)
    found = read_rows(str(tmp_path), {"train": 2, "val": 0})
    assert list(found.labels) == [("a", "b"), ("a",)]
    assert found.values[features.GROUP].tolist() == ["", "g"]
    assert found.values[features.PHASH].tolist() == [0, -1]


def test_of_many_rows_some_are_read_evenly_spread(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("diptych.components.report.rows.ROWS_READ", 10)
    write_records(tmp_path / "Split-train" / "data.tfrecord", map(record_values, range(25)))
    found = read_rows(str(tmp_path), {"train": 25})
    assert found.place.tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    assert found.values[features.ID].tolist() == [f"row-{n}" for n in found.place]
    assert found.total == 25


def test_records_are_found_by_their_places_across_files(tmp_path: Path) -> None:
    files = [
        str(write_records(tmp_path / str(part), map(record_values, range(700 * part, 700 * part + 700))))
        for part in range(2)
    ]
    found = [tf.train.Example.FromString(record) for record in read_at(files, [0, 511, 512, 699, 700, 1399])]
    ids = [example.features.feature["id"].bytes_list.value[0] for example in found]
    assert ids == [b"row-0", b"row-511", b"row-512", b"row-699", b"row-700", b"row-1399"]
    assert list(read_at(files, [])) == []


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_pictures_are_the_stored_images(tmp_path: Path, encoding: Any) -> None:
    options = SMALL.model_copy(update={"encoding": encoding})
    flat = np.zeros((SMALL.height, SMALL.width, 3), np.uint8) + np.array([200, 30, 60], np.uint8)
    stored = as_file(flat) if encoding == "png" else flat.tobytes()
    write_records(tmp_path / "Split-val" / "x", [record_values(0), record_values(1, image=stored)])
    found = read_pictures(str(tmp_path), {"val": [1, 1]}, options)
    assert list(found) == [("val", 1)]
    (tmp_path / "x.webp").write_bytes(found["val", 1].webp)
    # WebP is lossy.
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "x.webp")), flat, atol=4)


def test_large_images_become_small_ones(tmp_path: Path) -> None:
    write_records(tmp_path / "Split-val" / "x", [record_values(1, image=noise(1, 100, 200).tobytes())])
    picture = read_pictures(str(tmp_path), {"val": [0]}, ImageOptions(height=100, width=200))["val", 0]
    assert (picture.width, picture.height) == (96, 48)


def test_rejected_rows_show_their_image_where_it_was_not_what_was_wrong(tmp_path: Path) -> None:
    root = tmp_path / "images"
    write_image(root / "good.png", 1)
    write_image(tmp_path / "outside.png", 1)
    (root / "text.png").write_text("no image")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    reasons = [
        ("unknown_label", "good.png"),
        ("corrupt", "good.png"),
        ("unknown_label", "text.png"),
        ("unknown_label", "../outside.png"),
        ("unknown_label", str(tmp_path / "outside.png")),
        ("unknown_label", "link.png"),
        ("unknown_label", "absent\0.png"),
        ("unknown_label", ""),
        ("unknown_label", "good.png"),
    ]
    rows = [RejectedRow(row=n, reason=reason, image=image) for n, (reason, image) in enumerate(reasons)]
    assert sorted(read_rejected(rows, str(root), 9)) == [0, 8]
    assert sorted(read_rejected(rows, str(root), 1)) == [0]


def test_training_curves_are_those_of_tensorboard(tmp_path: Path) -> None:
    for run, offset in (("train", 0.0), ("validation", 1.0)):
        writer = tf.summary.create_file_writer(str(tmp_path / run))
        with writer.as_default():
            for epoch in range(3):
                tf.summary.scalar("epoch_loss", offset + epoch, step=epoch)
            tf.summary.text("epoch_note", "no number", step=0)
            tf.summary.scalar("other", 1.0, step=0)
        writer.close()
    assert read_curves(str(tmp_path)) == {
        "loss": {"train": [(0, 0.0), (1, 1.0), (2, 2.0)], "validation": [(0, 1.0), (1, 2.0), (2, 3.0)]}
    }


def test_the_executor_writes_the_same_page_again(uris: dict[str, str], tmp_path: Path) -> None:
    from diptych.components.artifact_types import Report
    from diptych.components.report.component import ReportSpec
    from diptych.components.report.executor import ReportExecutor

    inputs = {}
    for name, uri in uris.items():
        inputs[name] = [ReportSpec.INPUTS[name].type()]
        inputs[name][0].uri = uri
    properties = {"title": "T", "images_root": "", "upstream": json.dumps({"Gate": ["Gen"]}), "producers": "{}"}
    pages = []
    for name in ("first", "second"):
        report = Report()
        report.uri = str(tmp_path / name)
        ReportExecutor().Do(inputs, {"report": [report]}, properties)
        pages.append((tmp_path / name / "report.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    assert ">Gate</text>" in pages[0]
    assert "ExampleStatistics" in pages[0]


def test_what_the_report_is_told_is_part_of_its_cache_key() -> None:
    from tfx import types

    from diptych.components.report.component import Report, ReportSpec

    channels = {name: types.Channel(type=parameter.type) for name, parameter in ReportSpec.INPUTS.items()}
    component = Report(channels, title="Demo", images_root="/images", upstream={"b": ["a"]}, code="abc")
    told = component.exec_properties
    assert (told["title"], told["images_root"], told["code"]) == ("Demo", "/images", "abc")
    assert json.loads(told["upstream"]) == {"b": ["a"]}
    assert set(json.loads(told["producers"])) == set(ARTIFACTS) == set(channels)
    assert component.outputs["report"].type.TYPE_NAME == "diptych.Report"


def test_the_artifact_type_can_be_imported_by_its_name() -> None:
    import diptych
    from diptych.components.artifact_types import Report

    assert diptych.Report is Report


def test_splits_come_in_their_natural_order(uris: dict[str, str]) -> None:
    assert list(gather(Sources("x", uris)).statistics["label"]) == list(SPLITS)
