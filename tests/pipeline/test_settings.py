"""Settings: every mistake gets one clear message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.settings import Settings, SettingsError, check_settings, load_settings


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
        ("evaluate.gain_over_baseline.acuracy=1", ["'evaluate.gain_over_baseline.acuracy'; did you mean 'accuracy'"]),
        ("evaluate.gain_over_blessed=atuo", ["evaluate.gain_over_blessed: input should be 'auto'"]),
        ("kubeflow.resources.Trainer.gpus=1", ["unknown key 'kubeflow.resources.Trainer.gpus'", "did you mean 'gpu'"]),
        ("evaluate.slices=[{feture: label}]", ["unknown key 'evaluate.slices.0.feture'", "did you mean 'feature'"]),
        ("tune.space={train.epochs: {mn: 1}}", ["unknown key 'tune.space.train.epochs.mn'", "did you mean 'min'"]),
        ("ima[e=1", ["unknown key 'ima[e'", "did you mean 'image'"]),
        ("data.columns.[x]=1", ["unknown key 'data.columns.[x]'", "valid keys here: image"]),
        ("train.epochs=many", ["train.epochs", "integer", "many"]),
        ("train.epochs=[1", ["train.epochs", "integer", "'[1'"]),
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


def test_without_descriptions_the_model_is_of_images_alone(config: Path) -> None:
    config.write_text("data: {catalogue: catalogue.csv, columns: {description: null}}\nmodel: {image: {units: 8}}\n")
    settings = load_settings(str(config))
    assert (settings.text, settings.model.text) == (None, None)
    assert settings.model.image and settings.model.image.units == 8
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert Settings(data=settings.data) == settings.model_copy(update={"model": Settings(data=settings.data).model})


ALONE = "data.columns.description=null"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([ALONE, "model.text.units=8"], ["model.text", "data.columns.description is null: leave model.text out"]),
        ([ALONE, "text.encoding=tfidf"], ["data.columns.description is null: leave text out"]),
        ([ALONE, "model.image=null"], ["image and text are both null"]),
        ([ALONE, "model.fusion.drop_text=0.1"], ["fusion.drop_text are for a network of image and text"]),
        ([ALONE, "evaluate.slices=[label, description]"], ["evaluate.slices", "slice by something else"]),
        ([ALONE, "data.missing_descriptions=keep"], ["data.missing_descriptions", "leave it out"]),
        ([ALONE, "tune.space={model.text.units: [4, 8]}"], ["there is no setting 'model.text.units'"]),
        (["text=null"], ["data.columns.description is 'description'", "set model.text: null"]),
    ],
)
def test_what_needs_descriptions_is_refused_without_them(config: Path, overrides: list[str], words: list[str]) -> None:
    message = error_message(config, *overrides)
    assert all(word in message for word in words), message


def test_several_mistakes_are_all_named(config: Path) -> None:
    message = error_message(config, "train.epoch=5", "image.height=0")
    assert "train.epoch" in message
    assert "image.height" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "is not YAML"), ("- 1", "must hold keys"), ("data: !!python/object/apply:os.getcwd []", "is not YAML")]
    + [
        ("[" * 5000, "is not YAML: values are nested too deeply"),
        ("name: 2022-13-45", "is not YAML: month must be in 1..12"),
        ("name: 0x_", "is not YAML"),
        ("name: !!timestamp x", "is not YAML"),
        ("name: !!bool 7", "is not YAML: '7'"),
        ("1: x", "1: keys should be strings"),
    ],
)
def test_what_is_no_settings_file_is_refused(config: Path, text: str, words: str) -> None:
    config.write_text(text)
    assert words in error_message(config)


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    assert "nowhere.yaml" in error_message(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("override", ["train.epochs", "=5", "train.epochs.deep=5"])
def test_a_malformed_override_is_named(config: Path, override: str) -> None:
    config.write_text("data: {catalogue: catalogue.csv}\ntrain: {epochs: 3}\n")
    assert override in error_message(config, override)


def test_overrides_win_over_the_file(config: Path) -> None:
    config.write_text("data: {catalogue: catalogue.csv}\ntrain: {epochs: 3, batch_size: 8}\n")
    settings = load_settings(str(config), ["train.epochs=5", "evaluate.thresholds={macro_f1: 0.5}"])
    assert (settings.train.epochs, settings.train.batch_size) == (5, 8)
    assert settings.evaluate.thresholds.macro_f1 == 0.5


@pytest.mark.parametrize("separator", ["|", "#", " ", ": ", "-", "\t", "*", ">"])
def test_an_override_is_what_was_typed(config: Path, separator: str) -> None:
    overrides = ["train.task=multilabel", f"data.label_separator={separator}"]
    assert load_settings(str(config), overrides).data.label_separator == separator


def test_paths_are_relative_to_the_file_and_those_of_overrides_to_the_shell(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.csv").write_text("")
    monkeypatch.chdir(elsewhere)
    assert load_settings(str(config)).data.catalogue == str(tmp_path / "catalogue.csv")
    assert load_settings(str(config), ["data.catalogue=other.csv"]).data.catalogue == str(elsewhere / "other.csv")


def test_the_folder_of_the_settings_is_no_pattern(tmp_path: Path) -> None:
    """Files of a folder that its name matches would be read instead."""
    for name in ("shop[1]", "shop1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "diptych.yaml").write_text("data: {catalogue: rows.csv}\n")
    (tmp_path / "shop1" / "rows.csv").write_text("")
    path = tmp_path / "shop[1]" / "diptych.yaml"
    for catalogue in ("rows.csv", "*.csv"):
        path.write_text(f"data: {{catalogue: '{catalogue}'}}\n")
        message = error_message(path)
        assert f"no file '{catalogue}' in '{path.parent}'" in message
        assert "rename the folder" in message
    (tmp_path / "shop[1]" / "rows.csv").write_text("")
    path.write_text("data: {catalogue: rows.csv}\n")
    assert load_settings(str(path)).data.catalogue == str(path.parent / "rows.csv")


def test_every_key_has_a_place_in_the_schema() -> None:
    schema = Settings.model_json_schema()
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["required"] == ["data"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("setting", ["several_labels=true", "label_separator='|'"])
def test_the_task_follows_the_labels(config: Path, setting: str) -> None:
    assert load_settings(str(config)).train.task == "multiclass"
    settings = load_settings(str(config), [f"data.{setting}"])
    assert settings.train.task == "multilabel"
    assert Settings(data=settings.data).train.task == "multilabel"
    message = error_message(config, f"data.{setting}", "train.task=multiclass")
    assert "set train.task: multilabel, or leave it out" in message


@pytest.mark.promise("No setting may hold a URL with credentials, which the metadata, the spec and the log would keep")
@pytest.mark.parametrize(
    "values",
    [
        {"data": {"catalogue": "https://me:s3cr3t@host/a.csv"}},
        {"data": {"catalogue": "https://host/a.csv?X-Amz-Signature=s3cr3t"}},
        {"data": {"catalogue": "gs://b/a.csv", "images_root": "https://host/?sig=s3cr3t"}},
        {"data": {"catalogue": "gs://b/a.csv", "paths": {"replace": {"https://me:s3cr3t@host/": ""}}}},
        {"data": {"catalogue": "gs://b/a.csv"}, "push": {"directory": "s3://key:s3cr3t@bucket"}},
        {"data": {"catalogue": "gs://b/a.csv"}, "kubeflow": {"pipeline_root": "minio://key:s3cr3t@bucket/root"}},
        {"data": {"catalogue": "gs://b/a.csv"}, "kubeflow": {"store": {"endpoint": "https://me:s3cr3t@host"}}},
    ],
)
def test_urls_with_credentials_are_refused_and_not_shown(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"\*\*\*.*holds credentials.*netrc") as caught:
        check_settings(values, "diptych.yaml")
    assert "s3cr3t" not in str(caught.value)
