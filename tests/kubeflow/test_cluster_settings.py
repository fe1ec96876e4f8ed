"""Settings in a cluster: nothing of this machine reaches it, and what it cannot do is refused by its key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.compiler import build_spec, compile_pipeline
from diptych.pipeline.settings import SettingsError, load_settings
from tests.kubeflow.compiled import ON_GOOGLE, data_options_of, settings_with

SPARK = "beam={runner: spark, endpoint: 'spark:8099'}"


@pytest.mark.parametrize(
    ("catalogue", "images_root", "found"),
    [
        ("catalogue.csv", "images", "images"),
        ("catalogue.csv", ".", None),
        ("photos", "photos", "."),
        ("photos", "photos/raw", "raw"),
        ("photos", ".", "refused"),
        ("photos/*.csv", "photos/raw", "raw"),
        ("photos/{SPAN}.csv", "photos/raw", "raw"),
        ("photos/{SPAN}/c.csv", "photos/raw", "refused"),
        ("photos/{YYYY}-{MM}-{DD}/*.csv", "photos", "refused"),
        ("photos", "gs://b/images", "gs://b/images"),
    ],
)
def test_images_are_found_from_the_catalogues_folder(
    tmp_path: Path, catalogue: str, images_root: str, found: str | None
) -> None:
    (tmp_path / "photos/raw").mkdir(parents=True)
    (tmp_path / "images").mkdir()
    (tmp_path / "catalogue.csv").write_text("")
    (tmp_path / "diptych.yaml").write_text(f"data: {{catalogue: '{catalogue}', images_root: '{images_root}'}}\n")
    settings = load_settings(str(tmp_path / "diptych.yaml"))
    if found == "refused":
        with pytest.raises(SettingsError, match=r"^data.images_root: .* is not below the catalogue's folder"):
            build_spec(settings, "kfp")
    else:
        assert data_options_of(build_spec(settings, "kfp"), "Sources")["images_root"] == found


@pytest.mark.parametrize(
    ("overrides", "processes"),
    [
        ((), 4),
        (("kubeflow.resources.ImageTextExampleGen.cpu=1.5",), 2),
        (("kubeflow.resources={}",), None),
        (("data.processes=3",), 3),
        (("beam.workers=4",), 1),
    ],
)
def test_as_many_processes_decode_as_the_container_has_cores(
    folder: Path, overrides: tuple[str, ...], processes: int | None
) -> None:
    spec = build_spec(settings_with(folder, *overrides), "kfp")
    assert data_options_of(spec, "ImageTextExampleGen")["processes"] == processes


def test_a_catalogue_that_only_this_machine_has_must_be_named_with_each_run(folder: Path) -> None:
    spec = build_spec(settings_with(folder, "kubeflow.catalogue=null"), "kfp")
    assert "defaultValue" not in spec["root"]["inputDefinitions"]["parameters"]["catalogue"]


@pytest.mark.parametrize("uri", ["s3://shop/photos/", "https://example.com/c.csv", "gs://shop/{SPAN:3}/c.csv"])
def test_a_catalogue_at_a_uri_is_the_clusters_too(folder: Path, uri: str) -> None:
    spec = build_spec(settings_with(folder, "kubeflow.catalogue=null", f"data.catalogue={uri}"), "kfp")
    assert spec["root"]["inputDefinitions"]["parameters"]["catalogue"]["defaultValue"] == uri


def test_no_path_of_this_machine_is_in_it(spec_file: Path, folder: Path) -> None:
    assert str(folder) not in spec_file.read_text()


@pytest.mark.parametrize(
    ("target", "overrides", "key"),
    [
        ("vertex", [], "kubeflow.pipeline_root"),
        ("vertex", ["kubeflow.pipeline_root=gs://b/r"], "kubeflow.catalogue"),
        (
            "vertex",
            ["kubeflow.pipeline_root=gs://b/r", "kubeflow.catalogue=gs://b/c.csv"],
            "kubeflow.resources.ImageTextExampleGen.timeout_minutes",
        ),
        ("kfp", ["kubeflow.resources.Pusher.retries=1"], "kubeflow.resources.Pusher.retries"),
        ("kfp", ["train.distribute=multi_worker"], "train.distribute"),
        ("vertex", [*ON_GOOGLE, "train.distribute=multi_worker"], "train.distribute"),
        ("kfp", ["data.images_root=/"], "data.images_root"),
        ("kfp", [SPARK, "kubeflow.pipeline_root=gs://b/r"], "kubeflow.catalogue"),
        ("kfp", [SPARK, "kubeflow.catalogue=/mnt/c.csv"], "kubeflow.catalogue"),
        ("kfp", [SPARK, *ON_GOOGLE, "kubeflow.push_directory=s3://b/p"], "kubeflow.push_directory"),
        (
            "kfp",
            ["beam={runner: dataflow, project: p, region: r, temp_location: 'gs://b/t'}"],
            "kubeflow.pipeline_root",
        ),
        ("kfp", ["kubeflow.catalogue=null", "data.catalogue=abfs://c/c.csv"], "data.catalogue"),
        ("kfp", ["kubeflow.catalogue=ftp://c/c.csv"], "kubeflow.catalogue"),
        ("kfp", ["data.images_root=hdfs://c/images"], "data.images_root"),
        ("kfp", ["data.catalogue=gs://c/c.csv", "data.images_root=."], "data.images_root"),
        ("vertex", [*ON_GOOGLE, "data.images_root=s3://b/images"], "data.images_root"),
        ("vertex", [*ON_GOOGLE, "kubeflow.catalogue=null", "data.catalogue=s3://b/c.csv"], "data.catalogue"),
    ],
)
def test_what_cannot_hold_in_a_cluster_is_refused_by_its_key(
    folder: Path, target: Any, overrides: list[str], key: str
) -> None:
    output = folder / {"kfp": "refused.yaml", "vertex": "refused.json"}[target]
    with pytest.raises(SettingsError, match=f"^{re.escape(key)}: "):
        compile_pipeline(settings_with(folder, *overrides), str(output), target)
    assert not output.exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("kubeflow.resources.Trainr.cpu=1", ["kubeflow.resources", "did you mean 'Trainer'?"]),
        ("kubeflow.resources.Trainer.cpu=0", ["kubeflow.resources.Trainer.cpu", "greater than 0"]),
        ("kubeflow.pipeline_root=/tmp/x", ["kubeflow.pipeline_root", "minio://, s3:// or gs://"]),
        ("beam={runner: flink}", ["beam", "needs beam.endpoint"]),
        ("beam={runner: dataflow, project: p}", ["beam", "needs beam.region, beam.temp_location"]),
        ("beam={region: x}", ["beam", "runner 'direct' knows no beam.region"]),
    ],
)
def test_wrong_settings_name_the_key(folder: Path, override: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        settings_with(folder, override)
    assert all(word in str(error.value) for word in words)


def test_data_options_reach_sources_and_ingestion(folder: Path) -> None:
    wanted = {
        "format": "tsv",
        "encoding": "cp1252",
        "labels": ["a", "b"],
        "duplicates": {"exact": "drop", "near": "together", "distance": 2},
        "shards": 3,
    }
    overrides = [f"data.{key}={json.dumps(value)}" for key, value in wanted.items()]
    spec = build_spec(settings_with(folder, *overrides), "kfp")
    options = data_options_of(spec, "Sources")
    assert options == data_options_of(spec, "ImageTextExampleGen")
    assert {key: options[key] for key in wanted} == wanted
    assert not options.keys() & {"catalogue", "schema_file"}
