"""``diptych predict`` on image files: the model gets the pixels that ingestion would store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.predict.images import predict_images
from diptych.pipeline.predict.pushed_model import PredictError
from tests.helpers import as_file, noise, write_image
from tests.models.serving.exported_models import (
    model_of_empty_texts_too,
    model_of_images_alone,
    model_requiring_both,
)


def test_a_folder_that_is_no_model_of_diptych_is_told(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(PredictError, match="no model that Diptych exported"):
        predict_images(str(tmp_path), ["a.png"], ["a text"])


def test_an_image_gets_all_labels_best_first_whatever_its_format(tmp_path: Path) -> None:
    pixels = noise(1)
    (tmp_path / "image.png").write_bytes(as_file(pixels))
    (tmp_path / "image.tiff").write_bytes(as_file(Image.fromarray(pixels), "TIFF"))
    images = [str(tmp_path / name) for name in ("image.png", "image.tiff")]
    first, second = predict_images(model_requiring_both().folder, images, ["a red cat"])
    assert sorted(first.labels) == sorted(model_requiring_both().decoder.labels)
    assert first.scores == sorted(first.scores, reverse=True)
    assert np.isclose(sum(first.scores), 1)
    assert (first.labels, first.scores) == (second.labels, pytest.approx(second.scores))
    assert first.answer == first.labels[:1]


def test_what_cannot_be_asked_is_told(tmp_path: Path) -> None:
    write_image(tmp_path / "image.png", seed=1)
    model, image = model_requiring_both().folder, str(tmp_path / "image.png")
    with pytest.raises(PredictError, match="give a --text for each"):
        predict_images(model, [image], [])
    with pytest.raises(PredictError, match="images alone, without texts: leave --text out"):
        predict_images(model_of_images_alone().folder, [image], [""])
    with pytest.raises(PredictError, match="2 images and 3 texts"):
        predict_images(model, [image, image], ["a", "b", "c"])


def make_images(folder: Path) -> list[str]:
    """Three whole images, and between them one that is broken, one that is cut, a missing one and a folder."""
    for number in range(3):
        write_image(folder / f"{number}.png", seed=number)
    (folder / "broken.png").write_bytes(b"broken")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:-40])
    names = ["0.png", "broken.png", "1.png", "absent.png", "cut.png", ".", "2.png"]
    return [str(folder / name) for name in names]


def test_an_image_that_cannot_be_read_costs_no_other_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Batches of every kind: without, with and of nothing but such images.
    monkeypatch.setattr("diptych.pipeline.predict.images._BATCH", 2)
    model, images = model_requiring_both().folder, make_images(tmp_path)
    predictions = predict_images(model, images, ["a red cat"])
    assert [prediction.image for prediction in predictions] == images
    reasons = [None, "not_an_image", None, "no such file", "truncated", "is a directory", None]
    for prediction, reason in zip(predictions, reasons, strict=True):
        assert (prediction.error is None) == (reason is None)
        assert reason is None or reason in str(prediction.error)
        assert bool(prediction.labels) == bool(prediction.scores) == (reason is None)
    whole = predict_images(model, images[::2][:2], ["a red cat"])
    assert [predictions[0].labels, predictions[2].labels] == [prediction.labels for prediction in whole]
    assert predictions[2].scores == pytest.approx(whole[1].scores)


def test_an_empty_text_costs_its_own_image_an_answer(tmp_path: Path) -> None:
    write_image(tmp_path / "image.png", seed=1)
    first, second = predict_images(model_requiring_both().folder, [str(tmp_path / "image.png")] * 2, [" ", "a red cat"])
    assert (first.labels, str(first.error)[:24]) == ([], "description: there is no")
    assert second.labels and second.error is None


def test_the_command_names_what_failed_and_ends_with_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model, images = model_requiring_both().folder, make_images(tmp_path)
    assert main(["predict", model, *images, "--text", "a red cat"]) == FAILED
    printed = capfd.readouterr()
    lines = printed.out.splitlines()
    assert [line.split(": ")[0] for line in lines] == images
    assert lines[1].startswith(f"{images[1]}: not classified: not_an_image")
    assert "4 images of 7 could not be classified" in printed.err
    assert main(["predict", model, *images, "--text", "a red cat", "--json"]) == FAILED
    answers = json.loads(capfd.readouterr().out)
    assert [answer["image"] for answer in answers] == images
    assert [answer["error"] is None for answer in answers] == [True, False, True, False, False, False, True]
    assert answers[0]["answer"] == answers[0]["labels"][:1]
    assert answers[1]["answer"] == []
    assert main(["predict", model, images[0], "--text", "a red cat"]) == OK


def test_a_model_s_folder_may_have_signs_of_patterns_in_its_name(tmp_path: Path) -> None:
    model, image = model_requiring_both().folder, str(tmp_path / "image.png")
    write_image(tmp_path / "image.png", seed=1)
    shutil.copytree(model, tmp_path / "model[1]*")
    (found,) = predict_images(str(tmp_path / "model[1]*"), [image], ["a red cat"])
    assert found == predict_images(model, [image], ["a red cat"])[0]


def test_a_model_of_images_alone_is_asked_without_texts(tmp_path: Path) -> None:
    write_image(tmp_path / "image.png", seed=1)
    (found,) = predict_images(model_of_images_alone().folder, [str(tmp_path / "image.png")], [])
    assert sorted(found.labels) == sorted(model_of_images_alone().decoder.labels)
    assert np.isclose(sum(found.scores), 1)


def test_a_model_that_learned_from_empty_texts_is_asked_with_one(tmp_path: Path) -> None:
    write_image(tmp_path / "image.png", seed=1)
    (found,) = predict_images(model_of_empty_texts_too().folder, [str(tmp_path / "image.png")], [""])
    assert np.isclose(sum(found.scores), 1)


def unblessed_run(folder: Path, trained: str | None) -> str:
    """The folder of a run that has pushed no model; its files were moved since."""
    artifacts = {"Trainer": {"model": "/elsewhere/artifacts/Trainer/model/8"}} if trained else {}
    if trained:
        shutil.copytree(trained, folder / "artifacts" / "Trainer" / "model" / "8" / "Format-Serving")
    reasons = ["accuracy 0.2 is below 0.9 (evaluate.thresholds.accuracy)", "macro_f1 is low"]
    folder.mkdir(exist_ok=True)
    summary = {"status": "succeeded", "artifacts": artifacts, "blessed": False, "blessing_reasons": reasons}
    (folder / "summary.json").write_text(json.dumps(summary))
    return str(folder)


def test_the_model_of_a_run_that_is_not_blessed_is_asked_and_said_not_to_be(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "image.png", seed=1)
    image, exported = str(tmp_path / "image.png"), model_requiring_both().folder
    run = unblessed_run(tmp_path / "run", exported)
    for arguments in (["--run", run, image, "--text", "a red cat"], ["--text", "a red cat", "--run", run, image]):
        assert main(["predict", *arguments]) == OK
        printed = capfd.readouterr()
        assert printed.err == (
            "diptych: this model is not blessed: accuracy 0.2 is below 0.9 (evaluate.thresholds.accuracy), and 1 more\n"
        )
        assert main(["predict", exported, image, "--text", "a red cat"]) == OK
        assert printed.out == capfd.readouterr().out != ""


def test_where_no_model_is_pushed_or_trained_it_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = unblessed_run(tmp_path / "run", model_requiring_both().folder)
    with pytest.raises(PredictError, match=f"holds no pushed model.*'diptych predict --run {run}' asks"):
        predict_images(run, ["a.png"], ["a text"])
    failed = unblessed_run(tmp_path / "failed", None)
    assert main(["predict", "--run", failed, "a.png"]) == USAGE
    assert f"'{failed}' has no trained model" in capfd.readouterr().err
    assert main(["predict"]) == USAGE
    assert main(["predict", "--run", run]) == USAGE
