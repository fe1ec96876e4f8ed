"""The SavedModel gives the scores of the network, row by row, and needs nothing but TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.options import Limits
from diptych.models import features
from diptych.models.networks.build import build_network
from diptych.models.serving.card import read_card, read_model_vocabulary, weights_path
from diptych.models.serving.export import export_model, weights_digest
from diptych.models.serving.request_batch import BAD_IMAGE, BAD_TEXT, MISSING_IMAGE, MISSING_TEXT
from diptych.models.thresholds import predict_labels
from tests.helpers import SMALL, as_file, noise, record_values
from tests.models.serving.exported_models import (
    TEXTS,
    THRESHOLDS,
    ExportedModel,
    model_of_empty_texts_too,
    model_of_images_alone,
    model_requiring_both,
    model_requiring_neither,
)

EITHER = pytest.mark.parametrize("make", [model_requiring_both, model_requiring_neither])
FILES = [as_file(noise(seed, SMALL.height, SMALL.width)) for seed in range(len(TEXTS))]


def records(*labels: Any) -> tf.Tensor:
    """Serialised records with the pixels and texts of ``FILES`` and ``TEXTS``."""
    values = [
        record_values(number, **{features.DESCRIPTION: text, features.LABEL: label})
        for number, (text, label) in enumerate(zip(TEXTS, labels or ["cat"] * len(TEXTS), strict=True))
    ]
    return tf.constant([features.encode_record(one) for one in values])


def ask(
    exported: ExportedModel, signature: str, images: list[bytes], texts: list[str | bytes]
) -> dict[str, np.ndarray]:
    image, description = tf.constant(images, tf.string), tf.constant(texts, tf.string)
    answer = exported.signatures[signature](image=image, description=description)
    return {name: value.numpy() for name, value in answer.items()}


@EITHER
def test_records_get_the_scores_that_the_network_gives(make: Any) -> None:
    exported = make()
    inputs, _ = exported.decoder(records())
    expected = exported.network(inputs, training=False).numpy()
    scores = exported.signatures["serving_default"](examples=records())["scores"].numpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    assert np.ptp(scores, axis=0).min() > 0


@EITHER
def test_image_files_and_texts_get_the_scores_of_their_records_best_first(make: Any) -> None:
    exported = make()
    labels = np.array([label.encode() for label in exported.decoder.labels], object)
    scores = exported.signatures["serving_default"](examples=records())["scores"].numpy()
    order = np.argsort(-scores, axis=1, kind="stable")
    answer = ask(exported, "classify", FILES, list(TEXTS))
    np.testing.assert_allclose(answer["scores"], np.take_along_axis(scores, order, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(answer["labels"], labels[order])
    assert not any(answer["error"])


@EITHER
def test_predicted_labels_are_those_that_reach_their_thresholds(make: Any) -> None:
    exported = make()
    card = read_card(exported.folder)
    scores = exported.signatures["serving_default"](examples=records())["scores"].numpy()
    answer = ask(exported, "classify", [*FILES, b"broken"], [*TEXTS, ""])
    by_name = [
        [dict(zip(names, flags, strict=True))[label.encode()] for label in card.labels]
        for names, flags in zip(answer["labels"][:-1], answer["predicted"], strict=False)
    ]
    np.testing.assert_array_equal(by_name, predict_labels(scores, card.thresholds, card.at_least_one))
    assert not answer["predicted"][-1].any()
    if card.task == "multiclass":
        assert answer["predicted"][:-1].tolist() == [[True, False, False]] * len(FILES)


def test_thresholds_are_those_of_each_label(tmp_path: Path) -> None:
    several, one = model_requiring_neither(), model_requiring_both()
    assert read_card(several.folder).thresholds == THRESHOLDS
    assert read_card(several.folder).at_least_one
    assert read_card(one.folder).thresholds is None
    for exported, wrong in ((several, [0.5]), (one, [0.5, 0.5, 0.5])):
        with pytest.raises(ValueError, match="thresholds"):
            export_model(exported.network, exported.decoder, str(tmp_path / "model"), thresholds=wrong)


@EITHER
def test_embed_gives_what_comes_before_the_last_layer(make: Any) -> None:
    import keras

    exported = make()
    network = exported.network
    inputs, _ = exported.decoder(records())
    expected = keras.Model(network.inputs, network.get_layer("embedding").output)(inputs).numpy()
    answer = ask(exported, "embed", FILES, list(TEXTS))
    np.testing.assert_allclose(answer["embedding"], expected, rtol=1e-6)
    assert answer["embedding"].dtype == np.float32


BROKEN = {
    "no image at all": b"hello",
    "cut short": FILES[0][: len(FILES[0]) // 2],
    "only a signature": FILES[0][:8],
    "a header that lies": FILES[0][:16] + b"\x7f\xff\xff\xff" * 2 + FILES[0][24:],
    "a JPEG of nothing": b"\xff\xd8\xff\xe0" + bytes(200),
    "a GIF of nothing": b"GIF89a" + bytes(20),
    "a BMP of nothing": b"BM" + bytes(60),
}


PIXELS = Image.fromarray(noise(0, SMALL.height, SMALL.width)).quantize(16)
FADED = PIXELS.convert("RGB")
FADED.putalpha(0)
PARTIAL_GIF = as_file(PIXELS, "GIF")[:6] + b"\x40\0\x40\0" + as_file(PIXELS, "GIF")[10:]
PACKED_BMP = as_file(PIXELS, "BMP")[:30] + b"\1" + as_file(PIXELS, "BMP")[31:]


@pytest.mark.parametrize(
    ("image", "kind", "options"),
    [
        (PIXELS, "BMP", {}),
        (FADED, "BMP", {}),
        (PIXELS, "GIF", {"transparency": 3}),
        (PIXELS, "GIF", {"transparency": 0}),
    ],
    ids=["palette of BMP", "BMP of 32 bits", "transparent GIF", "first colour of a GIF transparent"],
)
def test_files_are_scored_by_the_pixels_that_training_stores(
    image: Image.Image, kind: str, options: dict[str, Any]
) -> None:
    exported = model_requiring_neither()
    data = as_file(image, kind, **options)
    stored = as_file(decode_image(data, SMALL, Limits()).pixels)
    answer = ask(exported, "classify", [data, stored], ["", ""])
    assert not any(answer["error"])
    np.testing.assert_allclose(answer["scores"][0], answer["scores"][1], rtol=1e-6)


def test_files_that_tensorflow_would_misread_are_refused() -> None:
    answer = ask(model_requiring_neither(), "classify", [PARTIAL_GIF, PACKED_BMP, FILES[0]], [""] * 3)
    assert answer["error"].tolist() == [BAD_IMAGE.encode()] * 2 + [b""]


@pytest.mark.parametrize("signature", ["classify", "embed"])
def test_a_corrupt_image_is_an_error_of_its_row_alone(signature: str) -> None:
    exported = model_requiring_both()
    clean = ask(exported, signature, FILES, list(TEXTS))
    images = [FILES[0], *BROKEN.values(), FILES[1]]
    answer = ask(exported, signature, images, [TEXTS[0], *["a red cat"] * len(BROKEN), TEXTS[1]])
    assert answer["error"].tolist() == [b"", *[BAD_IMAGE.encode()] * len(BROKEN), b""]
    for name in answer.keys() - {"error"}:
        if answer[name].dtype == object:
            np.testing.assert_array_equal(answer[name][[0, -1]], clean[name][:2])
        else:
            np.testing.assert_allclose(answer[name][[0, -1]], clean[name][:2], rtol=1e-5)
        assert not answer[name][1:-1].any()


def test_what_a_model_needs_and_a_row_lacks_is_told() -> None:
    images = [b"", FILES[1], FILES[2], b"", b"broken"]
    texts = [TEXTS[0], "", b"\xff\xfe red", " ", b"\xff"]
    answer = ask(model_requiring_both(), "classify", images, texts)
    expected = [MISSING_IMAGE, MISSING_TEXT, BAD_TEXT, MISSING_IMAGE, BAD_IMAGE]
    assert [error.decode() for error in answer["error"]] == expected
    assert not answer["scores"].any()


def test_a_model_that_has_learned_to_do_without_answers_without() -> None:
    exported = model_requiring_neither()
    answer = ask(exported, "classify", [b"", FILES[1], b"", b"broken"], [TEXTS[0], "", "", ""])
    assert [error.decode() for error in answer["error"]] == ["", "", "", BAD_IMAGE]
    assert answer["scores"][:3].all()
    inputs, _ = exported.decoder(records())
    blank = {name: tf.zeros_like(value) for name, value in inputs.items()}
    expected = np.sort(exported.network(blank, training=False).numpy()[0])[::-1]
    np.testing.assert_allclose(answer["scores"][2], expected, rtol=1e-6)


def test_a_model_of_images_alone_takes_images_and_refuses_texts() -> None:
    exported = model_of_images_alone()
    without_texts = tf.constant(
        [features.encode_record(record_values(number, **{features.DESCRIPTION: None})) for number in range(len(FILES))]
    )
    scores = exported.signatures["serving_default"](examples=without_texts)["scores"].numpy()
    images = tf.constant([*FILES, b"broken", b""])
    answer = {name: value.numpy() for name, value in exported.signatures["classify"](image=images).items()}
    np.testing.assert_allclose(answer["scores"][:-2], -np.sort(-scores, axis=1), rtol=1e-6)
    assert [error.decode() for error in answer["error"]] == [""] * len(FILES) + [BAD_IMAGE, MISSING_IMAGE]
    assert exported.signatures["embed"](image=images)["embedding"].shape == (len(FILES) + 2, 6)
    with pytest.raises(Exception, match="description"):
        exported.signatures["classify"](image=images, description=tf.constant(["a text"] * (len(FILES) + 2)))
    assert exported.signatures["transform_features"](examples=without_texts).keys() == {"label_id"}
    card, described = read_card(exported.folder), exported.signatures["describe"]()
    assert (card.text, card.needs) == (None, ("image",))
    assert described["vocabulary"].shape == (0,)
    assert read_model_vocabulary(exported.folder) == []


def test_a_model_that_has_learned_from_empty_texts_answers_them() -> None:
    exported = model_of_empty_texts_too()
    answer = ask(exported, "classify", [FILES[0], FILES[1], b""], ["", " ", TEXTS[0]])
    assert [error.decode() for error in answer["error"]] == ["", "", MISSING_IMAGE]
    record = features.encode_record(record_values(0, **{features.DESCRIPTION: ""}))
    scores = exported.signatures["serving_default"](examples=tf.constant([record]))["scores"].numpy()
    np.testing.assert_allclose(answer["scores"][0], -np.sort(-scores[0]), rtol=1e-6)


@EITHER
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_every_signature_takes_batches_of_any_size(make: Any, rows: int) -> None:
    exported = make()
    count, classes = len(FILES[:rows]), len(exported.decoder.labels)
    answer = ask(exported, "classify", FILES[:rows], list(TEXTS[:rows]))
    assert answer["scores"].shape == answer["labels"].shape == (count, classes)
    assert ask(exported, "embed", FILES[:rows], list(TEXTS[:rows]))["embedding"].shape[0] == count
    assert exported.signatures["serving_default"](examples=records()[:rows])["scores"].shape == (count, classes)
    assert exported.signatures["transform_features"](examples=records()[:rows])["label_id"].shape[0] == count
    inputs, _ = exported.decoder(records()[: max(rows, 1)])
    inputs = {name: value[:rows] for name, value in inputs.items()}
    assert exported.signatures["network"](**inputs)["scores"].shape == (count, classes)


def test_one_label_is_transformed_to_its_id_and_several_to_zeros_and_ones() -> None:
    one = model_requiring_both()
    ids = one.signatures["transform_features"](examples=records("cat", "fish", "dog", "stranger"))["label_id"]
    assert ids.numpy().tolist() == [one.decoder.labels.index(name) for name in ("cat", "fish", "dog")] + [-1]
    several = model_requiring_neither()
    hot = several.signatures["transform_features"](examples=records(["cat", "fish"], ["dog"], ["stranger"], ["cat"]))
    assert several.decoder.labels == ["cat", "dog", "fish"]
    assert hot["label_id"].numpy().tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0]]


@EITHER
def test_labels_vocabulary_and_versions_are_inside(make: Any) -> None:
    exported = make()
    described = {name: value.numpy() for name, value in exported.signatures["describe"]().items()}
    card = read_card(exported.folder)
    assert [label.decode() for label in described["labels"]] == list(card.labels) == exported.decoder.labels
    assert [term.decode() for term in described["vocabulary"]] == read_model_vocabulary(exported.folder)
    assert "red" in read_model_vocabulary(exported.folder)
    assert json.loads(described["card"]) == json.loads(card.model_dump_json())
    assert card.task == exported.decoder.task
    assert card.needs == (("image", "text") if make is model_requiring_both else ())
    assert card.versions.keys() == {"diptych", "tensorflow", "keras"}


def test_the_weights_beside_it_are_those_of_the_network() -> None:
    exported = model_requiring_both()
    other = build_network(exported.options, exported.decoder.inputs, len(exported.decoder.labels), "multiclass")
    assert weights_digest(other) != read_card(exported.folder).digest
    other.load_weights(weights_path(exported.folder))
    assert weights_digest(other) == read_card(exported.folder).digest


ALONE = """
import sys

import tensorflow as tf

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError(name + " is not TensorFlow")

for name in {blocked}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocked())

signatures = tf.saved_model.load({folder!r}).signatures
image, text = tf.constant([open({image!r}, "rb").read(), b"broken"]), tf.constant([{text!r}, {text!r}])
answer = signatures["classify"](image=image, description=text)
print(answer["labels"][0, 0].numpy().decode(), answer["error"].numpy().tolist())
print(signatures["embed"](image=image, description=text)["embedding"].shape)
print(signatures["serving_default"](examples=tf.constant([], tf.string))["scores"].shape)
"""


@EITHER
def test_it_loads_where_there_is_tensorflow_only(make: Any, tmp_path: Path) -> None:
    exported = make()
    (tmp_path / "image.png").write_bytes(FILES[0])
    blocked = {"keras", "tf_keras", "tensorflow_transform", "tensorflow_text", "tfx", "tfx_bsl", "models", "sklearn"}
    image = str(tmp_path / "image.png")
    code = ALONE.format(blocked=blocked, folder=exported.folder, image=image, text=TEXTS[0])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    expected = ask(exported, "classify", FILES[:1], [TEXTS[0]])["labels"][0, 0].decode()
    assert done.stdout.splitlines()[0] == f"{expected} {[b'', BAD_IMAGE.encode()]}"
