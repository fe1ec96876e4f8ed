"""What a step's container runs: the whole way of a step, and errors that help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.container.entrypoint import TERMINATION_FILE, main
from diptych.kubeflow.environment import RUN_ID_VARIABLE
from tests.kubeflow.container.steps import RUN

SCHEMA = 'feature { name: "label" type: BYTES }\n'
TASK = "minio/bucket/kept/shop/run-7/ImportSchemaGen/s"


def import_schema(root: Path, **parameters: str) -> int:
    """Runs TFX's ImportSchemaGen as KFP does, whose launcher logs to a file, and returns the exit code."""
    task = f"{RUN}/ImportSchemaGen/s"
    output_file = root / TASK / "output_metadata.json"
    output_file.parent.mkdir(parents=True, exist_ok=True)
    output_file.write_text('{"parameterValues": {"schema_file": "of an attempt before"}}')
    (root / TASK / "executor-logs-0").write_text("what the step prints")
    schema = {"name": "schema", "uri": f"{task}/schema", "type": {"instanceSchema": "title: tfx.Schema\n"}}
    logs = {"name": "executor-logs", "uri": f"{task}/executor-logs-0", "type": {"schemaTitle": "system.Artifact"}}
    parameters = {"schema_file": "schema.pbtxt", "publish_directory": "minio://bucket/runs", **parameters}
    given = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "artifacts": {"executor-logs": {"artifacts": [logs]}, "schema": {"artifacts": [schema]}},
            "outputFile": str(output_file),
        },
    }
    types = {"parameters": {"schema_file": {"parameterType": "STRING"}}}
    own = ["--artifacts=mirrored", "--step=ImportSchemaGen", "--outputs=schema", "--run-id=run-7"]
    executor = "tfx.components.schema_gen.import_schema_gen.executor.Executor"
    step = ["step", *own, "--executor_class_path", executor, "--json_serialized_inputs_spec_args", json.dumps(types)]
    return main([*step, "--json_serialized_invocation_args", json.dumps(given)])


def summary_of(stores: Path) -> dict[str, Any]:
    return dict(json.loads((stores / "minio/bucket/runs/run-7/steps/ImportSchemaGen.json").read_text()))


def test_a_curated_schema_reaches_tfxs_executor(root: Path, stores: Path) -> None:
    """The whole way of a step: paths, TFX's own executor, URIs again, and the summary of the step."""
    assert import_schema(root, schema_text=SCHEMA) == 0
    assert (root / TASK / "schema/schema.pbtxt").read_text() == SCHEMA
    output = json.loads((root / TASK / "output_metadata.json").read_text())
    uri = f"{RUN}/ImportSchemaGen/s/schema"
    assert output["artifacts"]["schema"]["artifacts"][0]["uri"] == uri
    summary = summary_of(stores)
    assert summary["artifacts"] == {"schema": uri}
    assert summary["failure"] is None


def test_the_launchers_outputs_are_left_to_it(root: Path, stores: Path) -> None:
    """It logs to the file executor-logs while the step runs."""
    assert import_schema(root, schema_text=SCHEMA) == 0
    assert (root / TASK / "executor-logs-0").read_text() == "what the step prints"
    output = json.loads((root / TASK / "output_metadata.json").read_text())
    assert set(output["artifacts"]) == {"schema"}
    assert summary_of(stores)["log"] == f"{RUN}/ImportSchemaGen/s/executor-logs-0"


def test_a_failure_is_told_to_the_log_to_kubernetes_and_to_the_summary(
    root: Path, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    termination = root / TERMINATION_FILE
    termination.parent.mkdir()
    termination.touch()
    # A name that no file can have.
    assert import_schema(root, schema_text=SCHEMA, schema_file="x" * 300) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("diptych: ImportSchemaGen failed: '")
    assert "': file name too long; name a shorter path" in sentence
    assert termination.read_text() == f"{sentence}\n"
    failed = summary_of(stores)
    assert sentence == f"diptych: ImportSchemaGen failed: {failed['failure']}"
    assert failed["log"] == f"{RUN}/ImportSchemaGen/s/executor-logs-0"


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
def test_errors_are_one_line_and_an_exit_code(
    given: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-7")
    arguments = ["sources", "--artifacts=mirrored", "--step=Sources", "--json_serialized_invocation_args", given]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("diptych: Sources failed: ")
    assert message in error
    assert "Traceback" not in error


def test_a_step_that_does_not_know_its_run_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its summary would go to another run's."""
    monkeypatch.delenv(RUN_ID_VARIABLE, raising=False)
    assert main(["sources", "--artifacts=mirrored", "--step=Sources", "--json_serialized_invocation_args", "{}"]) == 1
    assert "the run's id is neither in --run-id nor in DIPTYCH_RUN_ID" in capsys.readouterr().err
