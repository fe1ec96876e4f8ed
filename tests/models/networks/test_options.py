"""Options of the networks are checked before anything is built."""

from __future__ import annotations

import sys
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from diptych.models.networks.options import (
    APPLICATIONS,
    ImageNetworkOptions,
    NetworkOptions,
    TextNetworkOptions,
    check_network,
)

LARGE = (96, 96)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"image": {"filters": ()}}, "at least 1 item"),
        ({"image": {"filters": (4, 0)}}, "at least 1 filter"),
        ({"image": {"dropout": 1}}, "less than 1"),
        ({"image": {"pixels": "other"}}, "'torch'"),
        ({"image": {"backbone": "mobilnetv2"}}, "did you mean 'MobileNetV2'"),
        (
            {"image": {"backbone": "nothing like it"}},
            "there is no backbone 'nothing like it'; valid: auto, cnn, hog, EfficientNetLite0, ConvNeXtTiny",
        ),
        ({"image": {"weights": "imagenet"}}, "set backbone"),
        ({"image": {"backbone": "cnn", "frozen_epochs": 2}}, "set backbone to EfficientNetLite0"),
        ({"image": {"backbone": "MobileNet", "frozen_epochs": 2}}, "set backbone to EfficientNetLite0"),
        ({"image": {"backbone": "EfficientNetLite0", "weights": "imagenet"}}, "this is 'EfficientNetLite0'"),
        ({"image": {"backbone": "EfficientNetLite0", "pixels": "caffe"}}, "leave pixels out, not 'caffe'"),
        ({"image": {"backbone": "hog", "pixels": "unit"}}, "leave pixels out, not 'unit'"),
        ({"image": {"pixels": "caffe"}}, "leave pixels out, not 'caffe'"),
        ({"text": {"tower": "transformer", "units": 10, "heads": 4}}, "10 units do not go into 4 heads"),
        ({"fusion": {"drop_image": 0.6, "drop_text": 0.5}}, "their sum 1.1 is more than 1"),
        ({"fusion": {"kind": "late", "units": 8}}, "'late' fuses none"),
        ({"image": None, "text": None}, "needs one of them"),
        ({"text": None, "fusion": {"kind": "gated"}}, "give both"),
        ({"image": None, "fusion": {"drop_text": 0.1}}, "give both"),
    ],
)
def test_impossible_options_are_refused_with_the_reason(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        NetworkOptions(**bad)
    assert said in str(error.value)


def test_options_survive_json() -> None:
    options = NetworkOptions(image={"backbone": "VGG16", "weights": "imagenet", "frozen_epochs": 3}, text=None)
    assert NetworkOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    ("options", "image_size", "text_kind", "said"),
    [
        (
            {"image": {"backbone": "MobileNet"}},
            (31, 64),
            "bag",
            "at least 32 x 32, not 31 x 64",
        ),
        (
            {"image": {"backbone": "Xception"}},
            (96, 70),
            "bag",
            "at least 71 x 71, not 96 x 70",
        ),
        ({}, LARGE, "sequence", "set it to attention or transformer"),
        ({"text": {"tower": "attention"}}, LARGE, "bag", "text.encoding: sequence"),
        ({"text": {"tower": "transformer"}}, LARGE, "bag", "text.encoding: sequence"),
        ({}, LARGE, None, "data.columns.description is null: leave model.text out"),
    ],
)
def test_what_does_not_suit_the_records_is_refused_with_the_remedy(
    options: dict[str, Any], image_size: tuple[int, int], text_kind: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_network(NetworkOptions(**options), image_size, text_kind)


@pytest.mark.parametrize(
    ("options", "text_kind"),
    [({}, "bag"), ({"text": None}, "sequence"), ({"text": {"tower": "attention"}}, "sequence"), ({"text": None}, None)],
)
def test_what_suits_the_records_passes(options: dict[str, Any], text_kind: Any) -> None:
    check_network(NetworkOptions(**options), (8, 8), text_kind)


def test_every_application_of_keras_is_known() -> None:
    theirs = {name for name in dir(keras.applications) if name[0].isupper()}
    assert theirs == set(APPLICATIONS)


def _preprocess(name: str, pixels: np.ndarray) -> np.ndarray:
    module = sys.modules[getattr(keras.applications, name).__module__]
    return np.asarray(module.preprocess_input(pixels.copy()))


@pytest.mark.parametrize("name", APPLICATIONS)
def test_pixels_of_an_application_are_what_it_was_made_for(name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.float32)
    mode = ImageNetworkOptions(backbone=name).pixel_mode
    expected = pixels if mode == "raw" else keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode=mode)
    assert np.array_equal(_preprocess(name, pixels), expected)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_refuses_what_is_smaller_than_an_application_takes(name: str) -> None:
    least = APPLICATIONS[name].min_side
    with pytest.raises(ValueError, match=f"at least {least}x{least}"):
        getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(least - 1, least, 3))


def test_the_defaults_are_a_backbone_that_suits_and_a_bag_of_words() -> None:
    options = NetworkOptions()
    assert options.image == ImageNetworkOptions(
        backbone="auto", wide=True, filters=(16, 32, 64, 128), units=128, dropout=0.3
    )
    assert options.text == TextNetworkOptions(tower="bag", units=64, dropout=0.3, wide=True)
    assert (options.fusion.kind, options.fusion.dropout, options.fusion.drop_image) == ("concat", 0.3, 0)
    assert ImageNetworkOptions(backbone="cnn").pixel_mode == "unit"
