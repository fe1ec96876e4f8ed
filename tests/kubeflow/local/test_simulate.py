"""The simulation keeps KFP's rules, shown on small specs whose containers are one line of Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.kubeflow.local.simulate import Run, Simulation
from diptych.kubeflow.spec import SpecError, load_spec, resolve_parameters
from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli.main import main

# Writes its parameter into its artifact; fails where the parameter says so.
WRITE = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])
word = given["inputs"]["parameterValues"].get("word", "")
uri = given["outputs"]["artifacts"]["text"]["artifacts"][0]["uri"]
path = pathlib.Path(os.environ["DIPTYCH_ROOT"], "minio", uri.removeprefix("minio://"))
path.write_text(word)
print(word)
sys.exit(word == "fail")
"""
# Reads its input's artifact, and reports it as a parameter.
READ = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])
artifact = given["inputs"]["artifacts"]["text"]["artifacts"][0]
text = pathlib.Path(os.environ["DIPTYCH_ROOT"], "minio", artifact["uri"].removeprefix("minio://")).read_text()
pathlib.Path(given["outputs"]["parameters"]["said"]["outputFile"]).write_text(text)
"""
# What an exit handler is told.
TELL = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])["inputs"]["parameterValues"]
pathlib.Path(os.environ["DIPTYCH_STORES"], "told.json").write_text(json.dumps(given))
"""


def executor(code: str) -> dict[str, Any]:
    return {"container": {"image": "i", "command": ["python", "-c", code], "args": ["{{$}}"]}}


def make_spec() -> dict[str, Any]:
    """write -> read in a sub-DAG, and an exit handler."""
    text = {"text": {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}}
    word = {"word": {"parameterType": "STRING"}}
    cached = {"enableCache": True}
    return {
        "pipelineInfo": {"name": "words"},
        "schemaVersion": "2.1.0",
        "defaultPipelineRoot": "minio://bucket/kept",
        "deploymentSpec": {"executors": {"w": executor(WRITE), "r": executor(READ), "t": executor(TELL)}},
        "components": {
            "write": {
                "executorLabel": "w",
                "inputDefinitions": {"parameters": word},
                "outputDefinitions": {"artifacts": text},
            },
            "read": {
                "executorLabel": "r",
                "inputDefinitions": {"artifacts": text},
                "outputDefinitions": {"parameters": {"said": {"parameterType": "STRING"}}},
            },
            "tell": {
                "executorLabel": "t",
                "inputDefinitions": {
                    "parameters": {
                        "status": {"parameterType": "TASK_FINAL_STATUS"},
                        "run": {"parameterType": "STRING"},
                    }
                },
            },
            "both": {
                "inputDefinitions": {"parameters": word},
                "dag": {
                    "tasks": {
                        "write": {
                            "taskInfo": {"name": "write"},
                            "componentRef": {"name": "write"},
                            "cachingOptions": cached,
                            "inputs": {"parameters": {"word": {"componentInputParameter": "word"}}},
                        },
                        "read": {
                            "taskInfo": {"name": "read"},
                            "componentRef": {"name": "read"},
                            "cachingOptions": cached,
                            "inputs": {
                                "artifacts": {
                                    "text": {
                                        "taskOutputArtifact": {"producerTask": "write", "outputArtifactKey": "text"}
                                    }
                                }
                            },
                        },
                    }
                },
            },
        },
        "root": {
            "inputDefinitions": {"parameters": {"word": {"parameterType": "STRING", "defaultValue": "hello"}}},
            "dag": {
                "tasks": {
                    "both": {
                        "taskInfo": {"name": "both"},
                        "componentRef": {"name": "both"},
                        "inputs": {"parameters": {"word": {"componentInputParameter": "word"}}},
                    },
                    "tell": {
                        "taskInfo": {"name": "tell"},
                        "componentRef": {"name": "tell"},
                        "dependentTasks": ["both"],
                        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                        "inputs": {
                            "parameters": {
                                "status": {"taskFinalStatus": {"producerTask": "both"}},
                                "run": {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}},
                            }
                        },
                    },
                }
            },
        },
    }


def run(spec: dict[str, Any], root: Path, **parameters: Any) -> Run:
    return Simulation(spec, str(root)).run(resolve_parameters(spec, parameters))


def states(result: Run) -> dict[str, str]:
    return {name: task.state for name, task in result.tasks.items()}


def told(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / "stores/told.json").read_text()))


def test_artifacts_pass_by_way_of_the_store(tmp_path: Path) -> None:
    result = run(make_spec(), tmp_path, word="hi")
    assert result.state == "SUCCEEDED"
    assert states(result) == {"write": "COMPLETE", "read": "COMPLETE", "tell": "COMPLETE"}
    assert result.tasks["read"].parameters == {"said": "hi"}
    uri = result.tasks["write"].artifacts["text"]["uri"]
    assert uri.startswith(f"minio://bucket/kept/words/{result.id}/write/")
    assert (tmp_path / "stores/minio" / uri.removeprefix("minio://")).read_text() == "hi"
    usage = result.tasks["write"].usage
    assert usage is not None
    assert usage.memory > 1 << 20


def test_unchanged_inputs_are_cached_and_changed_ones_are_not(tmp_path: Path) -> None:
    run(make_spec(), tmp_path, word="hi")
    assert states(run(make_spec(), tmp_path, word="hi")) == {"write": "CACHED", "read": "CACHED", "tell": "COMPLETE"}
    changed = run(make_spec(), tmp_path, word="ho")
    assert states(changed) == {"write": "COMPLETE", "read": "COMPLETE", "tell": "COMPLETE"}
    assert changed.tasks["read"].parameters == {"said": "ho"}


def test_after_a_failure_nothing_starts_but_the_exit_handler(tmp_path: Path) -> None:
    result = run(make_spec(), tmp_path, word="fail")
    assert result.state == "FAILED"
    assert states(result) == {"write": "FAILED", "read": "NOT_RUN", "tell": "COMPLETE"}
    assert told(tmp_path)["status"]["state"] == "FAILED"
    assert told(tmp_path)["run"] == result.id


def test_a_failed_task_is_not_cached(tmp_path: Path) -> None:
    run(make_spec(), tmp_path, word="fail")
    assert states(run(make_spec(), tmp_path, word="fail"))["write"] == "FAILED"


def test_retries_are_kept(tmp_path: Path) -> None:
    spec = make_spec()
    spec["components"]["both"]["dag"]["tasks"]["write"]["retryPolicy"] = {"maxRetryCount": 2}
    result = run(spec, tmp_path, word="fail")
    assert sorted(file.name for file in (tmp_path / "runs" / result.id).glob("write-*.log")) == [
        "write-1.log",
        "write-2.log",
        "write-3.log",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"wrod": "x"}, "knows no parameter wrod; it knows word"),
        ({"word": 3}, "parameter 'word' must be a STRING, not 3"),
    ],
)
def test_parameters_are_checked_as_the_api_server_does(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        resolve_parameters(make_spec(), given)


def test_a_parameter_without_a_value_is_asked_for() -> None:
    spec = make_spec()
    del spec["root"]["inputDefinitions"]["parameters"]["word"]["defaultValue"]
    with pytest.raises(SpecError, match="--param word="):
        resolve_parameters(spec, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schemaVersion": "2.0.0"}, "schema version 2.1.0 only, not 2.0.0"),
        ({"surprise": 1}, "invalid v2 pipeline spec"),
        ({"pipelineInfo": {}}, "no name"),
    ],
)
def test_specs_are_refused_as_the_api_server_does(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump({**make_spec(), **change}))
    with pytest.raises(SpecError, match=message):
        load_spec(str(file))


def test_a_resolver_stops_where_kfp_would(tmp_path: Path) -> None:
    spec = make_spec()
    spec["deploymentSpec"]["executors"]["w"] = {"resolver": {}}
    with pytest.raises(SpecError, match="executor is no container"):
        run(spec, tmp_path)


def test_what_is_not_simulated_is_said(tmp_path: Path) -> None:
    spec = make_spec()
    spec["components"]["both"]["dag"]["tasks"]["write"]["triggerPolicy"] = {"condition": "1 == 1"}
    with pytest.raises(SpecError, match="condition, which is not simulated"):
        run(spec, tmp_path)


def test_a_folder_that_is_no_image_is_refused(tmp_path: Path) -> None:
    for folder in ("/", str(tmp_path)):
        with pytest.raises(SpecError, match="it lacks opt/diptych/bin/python"):
            Simulation(make_spec(), str(tmp_path), image_root=folder)


def test_nothing_of_an_image_is_removed_but_scratch(tmp_path: Path) -> None:
    python = tmp_path / "image/opt/diptych/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    (tmp_path / "image/minio/bucket").mkdir(parents=True)
    Simulation(make_spec(), str(tmp_path), image_root=str(tmp_path / "image"))._empty("write")
    assert python.exists()
    assert not (tmp_path / "image/minio").exists()


def test_tasks_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    spec = make_spec()
    spec["components"]["both"]["dag"]["tasks"]["write"]["dependentTasks"] = ["read"]
    with pytest.raises(SpecError, match="wait for each other"):
        run(spec, tmp_path)


def test_the_command_shows_states_and_what_each_step_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump(make_spec()))
    arguments = ["simulate", str(file), "--root", str(tmp_path)]
    assert main([*arguments, "--param", "word=hi"]) == OK
    output = capsys.readouterr()
    assert "write" in output.err
    assert "succeeded; logs: " in output.out
    assert main([*arguments, "--param", "word=fail"]) == FAILED
    assert main([*arguments, "--param", "wrod=hi"]) == USAGE
    assert main(["simulate", str(tmp_path / "absent.yaml"), "--root", str(tmp_path)]) == USAGE
    capsys.readouterr()
    assert main([*arguments, "--param", "word=hi", "--json"]) == OK
    shown = json.loads(capsys.readouterr().out)
    assert {name: task["state"] for name, task in shown["tasks"].items()}["write"] == "CACHED"
