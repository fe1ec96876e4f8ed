"""Settings: every mistake gets one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.pipeline.settings import Settings, SettingsError, load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "catalogue.csv").write_text("image,description,label\n")
    path = tmp_path / "diptych.yaml"
    path.write_text("data:\n  catalogue: catalogue.csv\n")
    return path


def error_message(path: Path, *overrides: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(str(path), overrides)
    return str(caught.value)


def test_only_the_catalogue_must_be_named(config: Path) -> None:
    settings = load_settings(str(config))
    assert settings.data.catalogue == str(config.parent / "catalogue.csv")
    assert settings.train.epochs > 0


def test_without_a_catalogue_the_key_is_named(config: Path) -> None:
    config.write_text("data: {}\n")
    assert "'data.catalogue' is missing" in error_message(config)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epoch=5", ["unknown key 'train.epoch'", "did you mean 'epochs'"]),
        ("trian.epochs=5", ["unknown key 'trian'", "did you mean 'train'"]),
        ("data.columns.lable=x", ["unknown key 'data.columns.lable'", "did you mean 'label'"]),
        ("evaluate.thresholds.acuracy=1", ["did you mean 'accuracy'"]),
        ("kubeflow.resources.Trainer.gpus=1", ["unknown key 'kubeflow.resources.Trainer.gpus'", "did you mean 'gpu'"]),
        ("evaluate.slices=[{feture: label}]", ["unknown key 'evaluate.slices.0.feture'", "did you mean 'feature'"]),
        ("tune.space={train.epochs: {mn: 1}}", ["unknown key 'tune.space.train.epochs.mn'", "did you mean 'min'"]),
        ("train.epochs=many", ["train.epochs", "integer", "many"]),
        ("image.height=0", ["image.height", "greater than or equal to 8", "0"]),
        ("image.background=blue", ["image.background", "#rrggbb"]),
        ("data.splits={train: 0.5, val: 0.1, test: 0.1}", ["data.splits", "add up to 1", "0.7"]),
        ("text.ngrams=[2, 1]", ["text: ngrams", "shortest"]),
        ("gate.drift.severity=fatal", ["gate.drift.severity", "'ignore'"]),
        ("evaluate.slices=[colour]", ["slices", "colour", "image/width"]),
        ("data.catalogue=nowhere.csv", ["data.catalogue", "there is no file", "nowhere.csv"]),
        ("data.schema_file=nowhere.pbtxt", ["data.schema_file", "there is no file"]),
        ("name=Has Capitals", ["name", "pattern"]),
        ("train.learning_rate=.nan", ["train.learning_rate"]),
    ],
)
def test_a_mistake_is_named_with_its_remedy(config: Path, override: str, words: list[str]) -> None:
    message = error_message(config, override)
    assert all(word in message for word in words), message


def test_several_mistakes_are_all_named(config: Path) -> None:
    message = error_message(config, "train.epoch=5", "image.height=0")
    assert "train.epoch" in message
    assert "image.height" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "is not YAML"), ("- 1", "must hold keys"), ("data: !!python/object/apply:os.getcwd []", "is not YAML")],
)
def test_what_is_no_settings_file_is_refused(config: Path, text: str, words: str) -> None:
    config.write_text(text)
    assert words in error_message(config)


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    assert "nowhere.yaml" in error_message(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("override", ["train.epochs", "=5", "train.epochs.deep=5", "train.epochs=[1"])
def test_a_malformed_override_is_named(config: Path, override: str) -> None:
    config.write_text("data: {catalogue: catalogue.csv}\ntrain: {epochs: 3}\n")
    assert override in error_message(config, override)


def test_overrides_win_over_the_file(config: Path) -> None:
    config.write_text("data: {catalogue: catalogue.csv}\ntrain: {epochs: 3, batch_size: 8}\n")
    settings = load_settings(str(config), ["train.epochs=5", "evaluate.thresholds={macro_f1: 0.5}"])
    assert (settings.train.epochs, settings.train.batch_size) == (5, 8)
    assert settings.evaluate.thresholds.macro_f1 == 0.5


def test_paths_are_relative_to_the_file_and_those_of_overrides_to_the_shell(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.csv").write_text("")
    monkeypatch.chdir(elsewhere)
    assert load_settings(str(config)).data.catalogue == str(tmp_path / "catalogue.csv")
    assert load_settings(str(config), ["data.catalogue=other.csv"]).data.catalogue == str(elsewhere / "other.csv")


def test_every_key_has_a_place_in_the_schema() -> None:
    schema = Settings.model_json_schema()
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["required"] == ["data"]
    assert schema["additionalProperties"] is False
