"""``diptych predict --catalogue``: each row has its prediction or its reject, in the catalogue's order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from diptych.components.catalogue.options import Columns, DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError, SourceFile
from diptych.components.catalogue.records import RecordOptions, build_record
from diptych.models import features
from diptych.models.errors import FAILED
from diptych.models.serving.card import read_card
from diptych.models.thresholds import predict_labels
from diptych.pipeline.cli.main import main
from diptych.pipeline.predict.catalogue import predict_catalogue
from diptych.pipeline.predict.pushed_model import PredictError
from diptych.pipeline.predict.unlabelled import add_placeholder_label, ignore_labels
from tests.helpers import as_file, noise, write_catalogue, write_image
from tests.models.serving.exported_models import (
    ExportedModel,
    model_of_images_alone,
    model_requiring_both,
    model_requiring_neither,
)

pytestmark = pytest.mark.usefixtures("models_loaded_once")

BROKEN_ROWS = (5, 41)


def catalogue(folder: Path, rows: int = 70, **more: str) -> str:
    """A CSV of images and descriptions without labels; two of its images are broken."""
    texts = ("a red cat", "the blue dog", "one green fish and a dog")
    listed = []
    for number in range(1, rows + 1):
        image = f"images/{number}.png"
        write_image(folder / image, seed=number)
        if number in BROKEN_ROWS:
            (folder / image).write_bytes(b"broken")
        listed.append({"image": image, "description": texts[number % 3], **more})
    return write_catalogue(folder, listed).catalogue


def lines(path: Path | str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def scores_of_records(exported: ExportedModel, folder: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    """What the Evaluator's signature gives for the records that ingestion would store."""
    from diptych.components.catalogue.readers.rows import make_row

    data = ignore_labels(DataOptions(catalogue=str(folder / "catalogue.csv")))
    options, source = RecordOptions(data, read_card(exported.folder).image), SourceFile("catalogue.csv", str(folder))
    texts = ("a red cat", "the blue dog", "one green fish and a dog")
    records = []
    for row in rows:
        values = {"image": row["image"], "description": texts[row["row"] % 3]}
        record = build_record(add_placeholder_label(make_row(row["row"], values, data)), source, options)
        records.append(features.encode_record(record.values))
    return exported.signatures["serving_default"](examples=tf.constant(records))["scores"].numpy()


@pytest.mark.parametrize("make", [model_requiring_both, model_requiring_neither])
def test_every_row_gets_the_answer_of_the_evaluators_signature_or_a_reject(make: Any, tmp_path: Path) -> None:
    exported = make()
    card = read_card(exported.folder)
    predicted = predict_catalogue(exported.folder, catalogue(tmp_path), str(tmp_path / "out" / "predictions.jsonl"))
    assert (predicted.rows, predicted.predictions) == (70, 68)
    assert predicted.rejects == {"not_an_image": 2}
    rejects = lines(predicted.rejects_file)
    assert [reject["row"] for reject in rejects] == list(BROKEN_ROWS)
    rows = lines(predicted.output)
    assert [row["row"] for row in rows] == [number for number in range(1, 71) if number not in BROKEN_ROWS]
    assert rows[0].keys() == {"source", "row", "id", "image", "answer", "labels", "scores"}
    assert (rows[0]["source"], rows[0]["id"]) == ("catalogue.csv", "images/1.png")
    for row, scores in zip(rows, scores_of_records(exported, tmp_path, rows), strict=True):
        order = np.argsort(-scores, kind="stable")
        assert row["labels"] == [card.labels[place] for place in order]
        np.testing.assert_allclose(row["scores"], scores[order], rtol=1e-5)
        predicted = predict_labels(scores[np.newaxis], card.thresholds, card.at_least_one)[0]
        assert row["answer"] == [card.labels[place] for place in order if predicted[place]]
        assert card.task == "multilabel" or row["answer"] == row["labels"][:1]


def test_the_command_ends_with_1_if_a_row_is_rejected(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model, output = model_requiring_both().folder, str(tmp_path / "out.jsonl")
    arguments = ["predict", model, "--catalogue", catalogue(tmp_path, rows=9), "--output", output]
    assert main(arguments) == FAILED
    printed = capfd.readouterr()
    assert printed.out.splitlines()[0] == "9 rows = 8 predictions + 1 reject"
    assert printed.err == (f"diptych: 1 row of 9 could not be classified: 1 not_an_image; see {output}.rejects.jsonl\n")
    assert main([*arguments, "--json"]) == FAILED
    assert json.loads(capfd.readouterr().out)["rejects"] == {"not_an_image": 1}


def test_parquet_holds_what_jsonl_holds_and_top_cuts_both(tmp_path: Path) -> None:
    settings = tmp_path / "diptych.yaml"
    named = catalogue(tmp_path, rows=9, label="cat")
    settings.write_text(f"name: shop\ndata: {{catalogue: {named}, labels: [bird], split_by: label}}\n")
    model = str(Path(model_requiring_both().folder).parent.parent)
    jsonl = predict_catalogue(model, str(settings), str(tmp_path / "a.jsonl"), top=2)
    again = predict_catalogue(model, str(settings), str(tmp_path / "b.jsonl"), top=2)
    parquet = predict_catalogue(model, str(settings), str(tmp_path / "a.parquet"), top=2)
    rows = pq.read_table(parquet.output).to_pylist()
    assert Path(jsonl.output).read_bytes() == Path(again.output).read_bytes()
    assert rows == [{**row, "scores": pytest.approx(row["scores"])} for row in lines(jsonl.output)]
    assert all(len(row["labels"]) == len(row["scores"]) == 2 for row in rows)
    assert (parquet.predictions, parquet.rejects) == (8, {"not_an_image": 1})


def test_a_part_without_labels_is_read_as_the_run_read_its_catalogue(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pushed").symlink_to(Path(model_requiring_both().folder).parent)
    columns = "{image: file, description: caption, label: kind}"
    kept = f"name: shop\ndata: {{catalogue: ../train.csv, columns: {columns}, straddling: drop}}\n"
    (tmp_path / "run" / "diptych.yaml").write_text(kept)
    for name, header, label in (("train", "file,caption,kind", ",cat"), ("test", "file,caption", "")):
        write_image(tmp_path / f"{name}.png", seed=len(name))
        (tmp_path / f"{name}.csv").write_text(f"{header}\n{name}.png,a red cat{label}\n")
    run, model, output = str(tmp_path / "run"), model_requiring_both().folder, str(tmp_path / "out.jsonl")
    pushed = predict_catalogue(run, str(tmp_path / "test.csv"), output)
    trained = predict_catalogue(model, str(tmp_path / "test.csv"), output, run=run)
    for done in (pushed, trained):
        assert (done.rows, done.predictions) == (1, 1)
    assert lines(output)[0]["id"] == "test.png"


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
def test_catalogues_that_name_labels_otherwise_are_read_too(tmp_path: Path, kind: str) -> None:
    import tarfile

    root = tmp_path / "catalogue"
    folder = root / "whatever" if kind == "folder" else root
    for number in range(3):
        write_image(folder / f"{number}.png", number)
        (folder / f"{number}.txt").write_text("a red cat")
    named = root
    if kind == "webdataset":
        named = tmp_path / "rows.tar"
        with tarfile.open(named, "w") as archive:
            for file in sorted(root.iterdir()):
                archive.add(file, file.name)
    predicted = predict_catalogue(model_requiring_both().folder, str(named), str(tmp_path / "out.jsonl"))
    assert (predicted.predictions, predicted.rejects) == (3, {})


def test_an_unlabelled_catalogue_needs_no_column_for_labels() -> None:
    data = DataOptions(catalogue="x.csv", columns=Columns(label="class", split="part"), split_by="group")
    assert set(ignore_labels(data).used_columns) == {"image", "description"}


def test_a_model_of_images_alone_reads_no_descriptions(tmp_path: Path) -> None:
    exported = model_of_images_alone()
    with_texts = catalogue(tmp_path, rows=6)
    without = tmp_path / "images.csv"
    without.write_text("image\n" + "".join(f"images/{number}.png\n" for number in range(1, 7)))
    found = [
        lines(predict_catalogue(exported.folder, named, str(tmp_path / f"{n}.jsonl")).output)
        for n, named in enumerate((with_texts, str(without)))
    ]
    assert len(found[0]) == 5
    assert [row["scores"] for row in found[0]] == [row["scores"] for row in found[1]]


def test_rows_without_a_text_are_classified_if_the_model_answers_without_one(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", seed=1)
    (tmp_path / "rows.csv").write_text("image,description\na.png,\na.png,a red cat\n")
    needs, does_without = (
        predict_catalogue(make().folder, str(tmp_path / "rows.csv"), str(tmp_path / "out.jsonl"))
        for make in (model_requiring_both, model_requiring_neither)
    )
    assert (needs.predictions, needs.rejects) == (1, {"missing_description": 1})
    assert (does_without.predictions, does_without.rejects) == (2, {})


def test_what_cannot_be_predicted_is_told(tmp_path: Path) -> None:
    model = model_requiring_both().folder
    with pytest.raises(PredictError, match=r"\.jsonl or \.parquet"):
        predict_catalogue(model, "rows.csv", str(tmp_path / "out.csv"))
    with pytest.raises(PredictError, match="holds no pushed model"):
        predict_catalogue(str(tmp_path), "rows.csv", str(tmp_path / "out.jsonl"))
    with pytest.raises(PredictError, match="give a diptych.yaml"):
        predict_catalogue(model, "rows.csv", str(tmp_path / "out.jsonl"), overrides=["data.seed=1"])
    with pytest.raises(CatalogueError, match="no file"):
        predict_catalogue(model, str(tmp_path / "rows.csv"), str(tmp_path / "out.jsonl"))
    (tmp_path / "rows.csv").write_text("image,description\n")
    settings = tmp_path / "diptych.yaml"
    settings.write_text("data: {catalogue: rows.csv, columns: {description: null}}")
    with pytest.raises(PredictError, match="data.columns.description is null: name the column"):
        predict_catalogue(model, str(settings), str(tmp_path / "out.jsonl"))
    with pytest.raises(PredictError, match="has no row"):
        predict_catalogue(model, str(tmp_path / "rows.csv"), str(tmp_path / "out.jsonl"))
    (tmp_path / "other.csv").write_text("picture,description\nx.png,a\n")
    with pytest.raises(CatalogueError, match="no column 'image'"):
        predict_catalogue(model, str(tmp_path / "other.csv"), str(tmp_path / "out.jsonl"))


def test_rejects_alone_leave_an_empty_file_of_predictions(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(as_file(noise(1))[:50])
    (tmp_path / "rows.csv").write_text("image,description\nbroken.png,a red cat\nnowhere.png,a red cat\n")
    for ending in (".jsonl", ".parquet"):
        predicted = predict_catalogue(
            model_requiring_both().folder, str(tmp_path / "rows.csv"), str(tmp_path / f"out{ending}")
        )
        assert predicted.predictions == 0
        assert sum(predicted.rejects.values()) == len(lines(predicted.rejects_file)) == 2
    assert pq.read_table(predicted.output).num_rows == 0
