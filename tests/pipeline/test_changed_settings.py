"""The settings that a run changes are told with their defaults, and without credentials."""

from __future__ import annotations

from diptych.pipeline.changed_settings import changed_settings
from diptych.pipeline.settings import Settings


def test_what_differs_is_told_with_its_default() -> None:
    given = {
        "name": "shop",
        "data": {"catalogue": "x.csv"},
        "train": {"epochs": 6},
        "model": {"image": {"wide": False}},
    }
    found = changed_settings(Settings.model_validate(given).model_dump(mode="json"))
    assert found["name"] == ("shop", "diptych")
    assert found["train.epochs"] == ("6", "30")
    assert found["model.image.wide"] == ("false", "true")
    # With a number of epochs, there is no budget of time.
    assert set(found) == {"name", "data.catalogue", "train.epochs", "train.minutes", "model.image.wide"}


def test_paths_of_the_machine_are_not_told() -> None:
    found = changed_settings({"data": {"catalogue": "/home/ann/shop/catalogue.csv", "images_root": "/home/ann/shop/"}})
    assert found["data.catalogue"] == ("catalogue.csv", "–")
    assert found["data.images_root"] == ("shop", "null")


def test_credentials_are_masked_and_unknown_keys_have_no_default() -> None:
    values = {"data": {"catalogue": "https://user:hunter2@example.com/x.csv"}, "former": 1}
    found = changed_settings(values)
    assert "hunter2" not in str(found)
    assert found["former"] == ("1", "–")
