"""The step Sources: which catalogue it finds, and that its digest changes with every byte of the inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.container.entrypoint import main
from diptych.kubeflow.container.sources import NO_VERSION
from tests.kubeflow.container.steps import write_catalogue


def run_sources(root: Path, catalogue: str, **options: Any) -> dict[str, Any]:
    """Runs the step, with fields of DataOptions, and returns its output parameters."""
    parameters = {"catalogue": catalogue, "span": -1, "data_options": json.dumps(options)}
    output_file = root / "minio/bucket/kept/shop/run-7/Sources/s/output_metadata.json"
    given = {"inputs": {"parameterValues": parameters}, "outputs": {"outputFile": str(output_file)}}
    arguments = ["sources", "--artifacts=mirrored", "--step=Sources", "--run-id=run-7"]
    assert main([*arguments, "--json_serialized_invocation_args", json.dumps(given)]) == 0
    return dict(json.loads(output_file.read_text())["parameterValues"])


def test_sources_digests_every_image(root: Path, stores: Path) -> None:
    write_catalogue(stores / "minio/bucket/cat/7")
    uri = "minio://bucket/cat/{SPAN}/catalogue.csv"
    first = run_sources(root, uri)
    assert (first["catalogue"], first["span"]) == ("minio://bucket/cat/7/catalogue.csv", 7)
    assert first["version"] == NO_VERSION
    assert run_sources(root, uri) == first
    (stores / "minio/bucket/cat/7/a.png").write_bytes(b"two")
    assert run_sources(root, uri)["digest"] != first["digest"]


def test_sources_finds_span_and_version(root: Path, stores: Path) -> None:
    write_catalogue(stores / "minio/bucket/7-2")
    found = run_sources(root, "minio://bucket/{SPAN}-{VERSION}/catalogue.csv")
    assert (found["catalogue"], found["span"], found["version"]) == ("minio://bucket/7-2/catalogue.csv", 7, 2)


@pytest.mark.parametrize("uri", ["minio://bucket/cat/", "minio://bucket/cat", "minio://bucket/c*/*.csv"])
def test_a_catalogue_of_many_files_is_digested_wherever_it_is_copied_to(
    root: Path, copied_stores: Path, uri: str
) -> None:
    folder = copied_stores / "minio/bucket/cat"
    write_catalogue(folder)
    first = run_sources(root, uri)
    assert first["catalogue"] == uri
    assert run_sources(root, uri)["digest"] == first["digest"]
    (folder / "b.csv").write_text("image,description,label\na.png,other,y\n")
    (folder / "b.png").write_bytes(b"another")
    assert run_sources(root, uri)["digest"] != first["digest"]


def test_images_elsewhere_in_the_store_are_digested(root: Path, stores: Path) -> None:
    write_catalogue(stores / "minio/bucket/cat")
    images = stores / "s3/photos/all"
    images.mkdir(parents=True)
    uri = "minio://bucket/cat/catalogue.csv"
    first = run_sources(root, uri, images_root="s3://photos/all")
    (images / "a.png").write_bytes(b"one")
    assert run_sources(root, uri, images_root="s3://photos/all")["digest"] != first["digest"]
