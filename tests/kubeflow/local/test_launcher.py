"""What a step is given and what is kept of it, by the rules of KFP's launcher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.local.release import RELEASES
from diptych.kubeflow.local.results import SimulatedRun
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.local.step import Cluster
from diptych.kubeflow.spec import SpecError, resolve_parameters
from tests.kubeflow.words_pipeline import READ, make_spec


def run_with(root: Path, write: str = "", cluster: Cluster | None = None, **changes: Any) -> SimulatedRun:
    """Runs the small pipeline with lines of Python at the end of its first step.

    Args:
        changes: fields of that step's container.
    """
    spec = make_spec()
    container = spec["deploymentSpec"]["executors"]["w"]["container"]
    container["command"][-1] += write
    container.update(changes)
    return Simulation(spec, str(root), cluster).run(resolve_parameters(spec, {}))


def log_of(root: Path, step: str) -> str:
    (log,) = root.glob(f"runs/*/{step}-1.log")
    return log.read_text()


def test_folders_without_files_are_lost(tmp_path: Path) -> None:
    write = """
path.unlink()
(path / "full/deep").mkdir(parents=True)
(path / "full/deep/file").write_text("x")
(path / "empty/deep").mkdir(parents=True)
"""
    read = """
folder = text
print("FOUND", sorted(str(path.relative_to(folder)) for path in folder.rglob("*")))
"""
    spec = make_spec()
    executors = spec["deploymentSpec"]["executors"]
    executors["w"]["container"]["command"][-1] += write
    executors["r"]["container"]["command"][-1] = READ.replace(".read_text()", "").replace("(text)", "('')") + read
    assert Simulation(spec, str(tmp_path)).run({"word": "hi"}).state == "SUCCEEDED"
    assert "FOUND ['full', 'full/deep', 'full/deep/file']" in log_of(tmp_path, "read")


def test_an_output_that_is_an_empty_folder_is_not_there_for_the_next_step(tmp_path: Path) -> None:
    run = run_with(tmp_path, write="path.unlink(); path.mkdir()\n")
    assert run.tasks["write"].state == "COMPLETE"
    assert run.tasks["read"].state == "FAILED"
    assert "FileNotFoundError" in log_of(tmp_path, "read")


def test_the_log_is_a_file_among_the_outputs(tmp_path: Path) -> None:
    write = """
logs = given["outputs"]["artifacts"]["executor-logs"]["artifacts"][0]
file = pathlib.Path(os.environ["DIPTYCH_ROOT"], "minio", logs["uri"].removeprefix("minio://"))
print(logs["type"], file.is_file())
"""
    run = run_with(tmp_path, write=write)
    uri = run.tasks["write"].artifacts["executor-logs"]["uri"]
    assert uri.endswith("/executor-logs-0")
    stored = (tmp_path / "stores" / uri.replace("://", "/")).read_text()
    assert stored == log_of(tmp_path, "write") == "hello\n{'schemaTitle': 'system.Artifact'} True\n"


@pytest.mark.parametrize(
    ("version", "name", "kept"),
    [("2.15.0", "executor-logs", False), ("2.16.0", "executor-logs", True), ("2.17.0", "executor-logs-0", True)],
)
def test_the_log_of_a_failure_is_kept_since_2_16(version: str, name: str, kept: bool, tmp_path: Path) -> None:
    run = run_with(tmp_path, write="sys.exit(1)\n", cluster=Cluster(release=RELEASES[version]))
    assert set(run.tasks["write"].artifacts) == ({"executor-logs"} if kept else set())
    assert [path.name for path in tmp_path.glob("stores/minio/**/write/*/*")] == ([name] if kept else [])


def test_the_environment_is_not_that_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the caller")
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    run_with(tmp_path, write="print(json.dumps(dict(os.environ)), os.getcwd())\n", env=[{"name": "A", "value": "b"}])
    text = log_of(tmp_path, "write").splitlines()[1]
    environment, folder = json.loads(text[: text.index("}") + 1]), text[text.index("}") + 2 :]
    assert environment.pop("A") == "b"
    assert environment["HOME"] == folder
    assert folder.startswith(str(tmp_path))
    known = {"DIPTYCH_ROOT", "DIPTYCH_STORES", "HOME", "KFP_POD_NAME", "KFP_POD_UID", "PATH", "USER"}
    assert set(environment) - {"LC_CTYPE", "OLDPWD", "PWD", "SHLVL", "_"} == known | {
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
    }


def executors_with(**config: Any) -> Cluster:
    return Cluster(executors={"w": config})


def test_secrets_and_fields_of_the_pod_are_in_the_environment(tmp_path: Path) -> None:
    key = {"secretKey": "accesskey", "envVar": "AWS_ACCESS_KEY_ID"}
    cluster = executors_with(
        secretAsEnv=[
            {"secretName": "mlpipeline-minio-artifact", "keyToEnv": [key]},
            {"secretName": "absent", "optional": True, "keyToEnv": [{**key, "envVar": "ABSENT"}]},
        ],
        fieldPathAsEnv=[{"name": "RUN", "fieldPath": "metadata.labels['pipeline/runid']"}],
    )
    names = "('AWS_ACCESS_KEY_ID', 'ABSENT', 'RUN')"
    run = run_with(tmp_path, write=f"print([os.environ.get(name) for name in {names}])\n", cluster=cluster)
    assert f"['minio', None, '{run.id}']" in log_of(tmp_path, "write")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"secretAsEnv": [{"secretName": "s", "keyToEnv": [{"secretKey": "k", "envVar": "V"}]}]},
            "would wait for key 'k'",
        ),
        ({"fieldPathAsEnv": [{"name": "A", "fieldPath": "spec.nodeName"}]}, "no field spec.nodeName"),
        ({"pvcMount": []}, "pvcMount, which is not simulated"),
    ],
)
def test_a_pod_that_would_never_start_is_refused(config: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        run_with(tmp_path, cluster=executors_with(**config))


def test_a_pod_that_takes_too_long_is_killed_with_all_that_runs_in_it(tmp_path: Path) -> None:
    write = "import subprocess\nsubprocess.run(['sleep', '60'])\n"
    run = run_with(tmp_path, write=write, cluster=executors_with(activeDeadlineSeconds="1"))
    assert run.tasks["write"].attempts == ["KILLED"]
    assert run.tasks["write"].usage is not None
    assert run.tasks["write"].usage.seconds < 30


def test_an_argument_that_linux_refuses_fails_the_step(tmp_path: Path) -> None:
    run = run_with(tmp_path, args=["{{$}}", "x" * (1 << 17)])
    assert run.tasks["write"].state == "FAILED"
    assert "the launcher cannot run the command: [Errno 7] Argument list too long" in log_of(tmp_path, "write")


def test_placeholders_are_filled_in_arguments_and_the_runs_id_is_none_of_them(tmp_path: Path) -> None:
    args = [
        "{{$}}",
        "{{$.inputs.parameters['word']}}",
        "{{$.outputs.artifacts['text'].path}}",
        "{{$.pipeline_job_uuid}}",
    ]
    write = "print(sys.argv[2], sys.argv[3] == str(path), sys.argv[4])\n"
    run_with(tmp_path, write=write, args=args)
    assert "hello True {{$.pipeline_job_uuid}}" in log_of(tmp_path, "write")


def test_an_output_parameter_has_the_type_of_its_definition(tmp_path: Path) -> None:
    spec = make_spec()
    outputs = spec["components"]["read"]["outputDefinitions"]["parameters"]
    for kind, word, value in (("NUMBER_INTEGER", " 7\n", 7), ("BOOLEAN", "true", True), ("LIST", "[1.0]", [1])):
        outputs["said"] = {"parameterType": kind}
        run = Simulation(spec, str(tmp_path)).run({"word": word})
        assert run.tasks["read"].parameters == {"said": value}
    run = Simulation(spec, str(tmp_path)).run({"word": "no list"})
    assert run.tasks["read"].state == "FAILED"
    assert "'no list' is no LIST" in (tmp_path / "runs" / run.id / "read-1.log").read_text()


@pytest.mark.parametrize(("reported", "kept"), [(True, 1), ([1.0], {"list": [1]}), ({"a": 2.0}, {"struct": {"a": 2}})])
def test_a_property_is_what_the_metadata_store_makes_of_it(reported: Any, kept: Any, tmp_path: Path) -> None:
    output = {"artifacts": {"text": {"artifacts": [{"metadata": {"p": reported}}]}}}
    write = f"pathlib.Path(given['outputs']['outputFile']).write_text({json.dumps(output)!r})\n"
    assert run_with(tmp_path, write=write).tasks["write"].artifacts["text"]["metadata"]["p"] == kept


def test_a_property_without_a_value_fails_the_step(tmp_path: Path) -> None:
    output = {"artifacts": {"text": {"artifacts": [{"metadata": {"p": None}}]}}}
    write = f"pathlib.Path(given['outputs']['outputFile']).write_text({json.dumps(output)!r})\n"
    assert run_with(tmp_path, write=write).tasks["write"].state == "FAILED"
    assert "the property 'p' is null" in log_of(tmp_path, "write")
