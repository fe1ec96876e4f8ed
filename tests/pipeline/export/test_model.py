"""The network of a pushed model as a file of another kind gives the same scores."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models.serving.card import read_card
from diptych.models.text.sklearn_encoders import FittedEncoding, build_encoders
from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.export.model import export_model
from diptych.pipeline.predict.pushed_model import PredictError
from tests.helpers import SMALL
from tests.models.serving.exported_models import (
    TEXTS,
    ExportedModel,
    model_of_images_alone,
    model_requiring_both,
    model_requiring_neither,
)

TOLERANCE = 1e-5
EITHER = pytest.mark.parametrize("make", [model_requiring_both, model_requiring_neither])


def network_inputs(exported: ExportedModel) -> dict[str, Any]:
    """Of three rows; texts of several lengths."""
    import tensorflow as tf

    shape = (3, SMALL.height, SMALL.width, 3)
    inputs = {"image": np.random.default_rng(1).integers(0, 256, shape, np.uint8)}
    texts = exported.decoder.text_inputs({"description": tf.constant(TEXTS[:3])[:, None]})
    return inputs | {name: value.numpy() for name, value in texts.items()}


def expected_scores(exported: ExportedModel, inputs: dict[str, Any]) -> Any:
    return exported.network(inputs, training=False).numpy()


@EITHER
def test_tflite_gives_the_scores_of_the_network_and_what_lies_beside_it_encodes_texts(
    make: Any, tmp_path: Path
) -> None:
    import tensorflow as tf

    exported = make()
    files = export_model(str(Path(exported.folder).parent), "tflite", str(tmp_path / "network.tflite"))
    runner = tf.lite.Interpreter(files[0]).get_signature_runner()
    inputs = network_inputs(exported)
    assert np.abs(runner(**inputs)["scores"] - expected_scores(exported, inputs)).max() < TOLERANCE

    description = json.loads(Path(files[1]).read_text(encoding="utf-8"))
    card = read_card(exported.folder)
    assert description["labels"] == list(card.labels)
    assert description["task"] == card.task
    assert description["inputs"]["image"] == ["uint8", [None, SMALL.height, SMALL.width, 3]]
    encoders = build_encoders(FittedEncoding.model_validate(description["encoders"]))
    if card.text.encoding == "sequence":
        np.testing.assert_array_equal(encoders.texts_to_sequences(TEXTS[:3]), inputs["description_ids"])
    else:
        np.testing.assert_array_equal(encoders.vectorizer.transform(TEXTS[:3]).toarray(), dense(exported, inputs))


def dense(exported: ExportedModel, inputs: dict[str, Any]) -> Any:
    ids, values = inputs["description_ids"], inputs["description_values"]
    rows, places = np.nonzero(ids)
    found = np.zeros((len(ids), exported.decoder.inputs.vocabulary_size))
    found[rows, ids[rows, places] - 1] = values[rows, places]
    return found


def test_a_network_of_images_alone_takes_pixels_alone(tmp_path: Path) -> None:
    import tensorflow as tf

    exported = model_of_images_alone()
    files = export_model(exported.folder, "tflite", str(tmp_path / "network.tflite"))
    inputs = {"image": network_inputs(model_requiring_both())["image"]}
    scores = tf.lite.Interpreter(files[0]).get_signature_runner()(**inputs)["scores"]
    assert np.abs(scores - expected_scores(exported, inputs)).max() < TOLERANCE
    description = json.loads(Path(files[1]).read_text(encoding="utf-8"))
    assert description["inputs"].keys() == {"image"}
    assert (description["encoders"]["text"], description["encoders"]["vocabulary"]) == (None, [])


@pytest.mark.parametrize("make", [model_requiring_both, model_requiring_neither, model_of_images_alone])
def test_onnx_gives_the_scores_of_the_network(make: Any, tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx", reason="the package tf2onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    exported = make()
    files = export_model(exported.folder, "onnx", str(tmp_path / "network.onnx"))
    session = runtime.InferenceSession(files[0], providers=["CPUExecutionProvider"])
    inputs = network_inputs(exported)
    (scores,) = session.run(["scores"], inputs)
    assert np.abs(scores - expected_scores(exported, inputs)).max() < TOLERANCE


def test_without_its_converter_onnx_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx.convert", None)
    with pytest.raises(ExportError, match="pip install tf2onnx"):
        export_model(model_requiring_both().folder, "onnx", str(tmp_path / "network.onnx"))
    assert not list(tmp_path.iterdir())


def test_without_a_model_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(PredictError, match="holds no pushed model"):
        export_model(str(tmp_path), "tflite", str(tmp_path / "network.tflite"))
