"""``diptych predict`` on image files: the model gets the pixels that ingestion would store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.pipeline.predict.images import predict_images
from diptych.pipeline.predict.pushed_model import PredictError
from tests.helpers import as_file, noise, write_image
from tests.models.serving.exported_models import model_requiring_both


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


def test_what_cannot_be_asked_is_told(tmp_path: Path) -> None:
    write_image(tmp_path / "image.png", seed=1)
    (tmp_path / "broken.png").write_bytes(b"broken")
    model, image = model_requiring_both().folder, str(tmp_path / "image.png")
    with pytest.raises(PredictError, match="2 images and 3 texts"):
        predict_images(model, [image, image], ["a", "b", "c"])
    with pytest.raises(PredictError, match=r"nowhere\.png"):
        predict_images(model, [str(tmp_path / "nowhere.png")], ["a red cat"])
    with pytest.raises(PredictError, match=r"broken\.png"):
        predict_images(model, [str(tmp_path / "broken.png")], ["a red cat"])
    with pytest.raises(PredictError, match="image.png': description: there is none"):
        predict_images(model, [image], [" "])
