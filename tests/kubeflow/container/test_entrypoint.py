"""What a step's container runs: the whole way of a step, and errors that help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.kubeflow.container.entrypoint import main
from tests.kubeflow.container.steps import RUN


def test_a_curated_schema_reaches_tfxs_executor(root: Path, stores: Path) -> None:
    """The whole way of a step: paths, TFX's own executor, URIs again, and the summary of the step."""
    text = 'feature { name: "label" type: BYTES }\n'
    uri = f"{RUN}/ImportSchemaGen/s/schema"
    output_file = root / "minio/bucket/kept/shop/run-7/ImportSchemaGen/s/output_metadata.json"
    output_file.parent.mkdir(parents=True)
    output_file.write_text('{"parameterValues": {"schema_file": "of an attempt before"}}')
    schema = {"name": "schema", "uri": uri, "type": {"instanceSchema": "title: tfx.Schema\n"}}
    parameters = {"schema_file": "schema.pbtxt", "schema_text": text, "publish_directory": "minio://bucket/runs"}
    given = {
        "inputs": {"parameterValues": parameters},
        "outputs": {"artifacts": {"schema": {"artifacts": [schema]}}, "outputFile": str(output_file)},
    }
    executor = "tfx.components.schema_gen.import_schema_gen.executor.Executor"
    types = {"parameters": {"schema_file": {"parameterType": "STRING"}}}
    step = ["step", "--artifacts=mirrored", "--step=ImportSchemaGen", "--executor_class_path", executor]
    inputs = ["--json_serialized_invocation_args", json.dumps(given)]
    assert main([*step, *inputs, "--json_serialized_inputs_spec_args", json.dumps(types)]) == 0
    assert (root / "minio/bucket/kept/shop/run-7/ImportSchemaGen/s/schema/schema.pbtxt").read_text() == text
    assert json.loads(output_file.read_text())["artifacts"]["schema"]["artifacts"][0]["uri"] == uri
    summary = json.loads((stores / "minio/bucket/runs/run-7/steps/ImportSchemaGen.json").read_text())
    assert summary["artifacts"] == {"schema": uri}
    assert summary["failure"] is None


def test_processes_that_decode_need_not_load_much() -> None:
    """They import the main module again."""
    heavy = ["tensorflow", "tfx", "apache_beam", "kfp", "google.protobuf", "pyarrow", "rich"]
    code = (
        f"import sys, diptych.kubeflow.container.entrypoint; print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no json", "is no ExecutorInput"),
        (
            json.dumps({"inputs": {"parameterValues": {"catalogue": "ftp://x/y.csv", "data_options": "{}"}}}),
            "unknown scheme 'ftp://'",
        ),
        (
            json.dumps({"inputs": {"parameterValues": {"catalogue": "/absent/y.csv", "data_options": "{}"}}}),
            "there is no '/absent' in the step's container: name the catalogue by a URI",
        ),
    ],
)
def test_errors_are_one_line_and_an_exit_code(given: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sources", "--artifacts=mirrored", "--step=Sources", "--json_serialized_invocation_args", given]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("diptych: Sources failed: ")
    assert message in error
    assert "Traceback" not in error
