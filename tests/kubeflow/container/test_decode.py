"""The steps of a fan-out: Sources plans slices of a catalogue, and Decode decodes one of them, both in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue import slices
from diptych.components.example_gen.decoded_slices import read_decoded_slice
from diptych.kubeflow.container.entrypoint import main
from diptych.models.manifests import Manifest
from tests.helpers import SMALL, write_catalogue, write_image
from tests.kubeflow.container.steps import RUN

CATALOGUE = "minio://bucket/cat/catalogue.csv"
ROWS = 6


@pytest.fixture
def catalogue(stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a catalogue in a mounted store, which may be cut at any row."""
    monkeypatch.setattr(slices, "ROWS_PER_PIECE", 1)
    folder = stores / "minio/bucket/cat"
    for number in range(ROWS):
        write_image(folder / f"{number}.png", seed=number)
    write_catalogue(folder, [{"image": f"{n}.png", "description": "t", "label": "c"} for n in range(ROWS)])
    return folder


def run(root: Path, step: str, parameters: dict[str, Any], outputs: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
    """Runs a step; returns its exit code and its ExecutorOutput."""
    task = f"{RUN}/{step}/s"
    output_file = root / task.replace("://", "/") / "output_metadata.json"
    artifacts = {name: {"artifacts": [{"name": name, "uri": f"{task}/{name}"}]} for name in outputs}
    given = {
        "inputs": {"parameterValues": {**parameters, "publish_directory": "minio://bucket/runs"}},
        "outputs": {"artifacts": artifacts, "outputFile": str(output_file)},
    }
    own = ["--artifacts=mirrored", f"--step={step}", f"--outputs={','.join(outputs)}", "--run-id=run-7"]
    code = main([step.lower(), *own, "--json_serialized_invocation_args", json.dumps(given)])
    return code, json.loads(output_file.read_text()) if output_file.exists() else {}


def plan(root: Path, pods: int, from_rows: int) -> list[dict[str, Any]]:
    """The slices that Sources plans."""
    parameters = {"catalogue": CATALOGUE, "span": -1, "data_options": "{}", "pods": pods, "from_rows": from_rows}
    code, output = run(root, "Sources", parameters)
    assert code == 0
    return list(output["parameterValues"]["slices"])


def decode(root: Path, part: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    options = {"data_options": json.dumps({"processes": 1}), "image_options": SMALL.model_dump_json(), "code": "c"}
    return run(root, "Decode", {"slice": part, "catalogue": CATALOGUE, **options}, ("slice",))


def test_sources_plans_as_many_slices_as_there_are_pods_or_one_of_few_rows(root: Path, catalogue: Path) -> None:
    assert [(part["first_row"], part["rows"]) for part in plan(root, 3, ROWS)] == [(1, 2), (3, 2), (5, 2)]
    assert [(part["first_row"], part["rows"]) for part in plan(root, 3, ROWS + 1)] == [(1, ROWS)]


def test_decode_writes_its_slice_its_manifest_and_its_summary(root: Path, stores: Path, catalogue: Path) -> None:
    code, output = decode(root, plan(root, 3, 0)[1])
    assert code == 0
    (artifact,) = output["artifacts"]["slice"]["artifacts"]
    assert artifact == {"name": "slice", "uri": f"{RUN}/Decode/s/slice", "metadata": {"slice": 2, "rows": 2}}
    folder = root / artifact["uri"].replace("://", "/")
    (index,) = read_decoded_slice(str(folder), [str(catalogue / "catalogue.csv")])
    assert index.entries["row"].tolist() == [3, 4]
    manifest = stores / f"{artifact['uri']}.manifest.json".replace("://", "/")
    assert Manifest.from_json(manifest.read_bytes()).find_damage(str(folder)) == []
    assert [path.name for path in (stores / "minio/bucket/runs/run-7/steps").iterdir() if "Decode" in path.name] == [
        "Decode-2.json"
    ]


def test_what_an_earlier_attempt_left_in_the_container_is_no_part_of_the_slice(root: Path, catalogue: Path) -> None:
    left = root / f"{RUN}/Decode/s/slice/00000-0000000001.tfrecord".replace("://", "/")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of a file")
    assert decode(root, plan(root, 3, 0)[1])[0] == 0
    assert not left.exists()


def test_a_failure_names_the_slice_and_its_first_row(
    root: Path, catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = plan(root, 3, 0)[2]
    (catalogue / "catalogue.csv").unlink()
    code, output = decode(root, part)
    assert (code, output) == (1, {})
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("diptych: Decode failed: slice 3 of 3 (2 rows from row 5 of 'catalogue.csv' on): ")
    assert CATALOGUE in sentence
