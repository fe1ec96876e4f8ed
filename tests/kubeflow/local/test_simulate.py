"""The simulation keeps KFP's rules, shown on a small pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.kubeflow.local.results import SimulatedRun
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.spec import SpecError, resolve_parameters
from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli.main import main
from tests.kubeflow.words_pipeline import make_spec


def run(spec: dict[str, Any], root: Path, **parameters: Any) -> SimulatedRun:
    return Simulation(spec, str(root)).run(resolve_parameters(spec, parameters))


def states(result: SimulatedRun) -> dict[str, str]:
    return {name: task.state for name, task in result.tasks.items()}


def told(root: Path) -> dict[str, Any]:
    """The parameters of the exit handler."""
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
    assert "only --image-root shows what user 1000 of group 0 may do" in output.err
    assert main([*arguments, "--param", "word=hi", "--kfp", "2.15"]) == OK
    assert main([*arguments, "--param", "word=hi", "--kfp", "2.14.4"]) == USAGE
    assert main([*arguments, "--param", "word=fail"]) == FAILED
    assert main([*arguments, "--param", "wrod=hi"]) == USAGE
    assert main(["simulate", str(tmp_path / "absent.yaml"), "--root", str(tmp_path)]) == USAGE
    capsys.readouterr()
    assert main([*arguments, "--param", "word=hi", "--json"]) == OK
    shown = json.loads(capsys.readouterr().out)
    assert {name: task["state"] for name, task in shown["tasks"].items()}["write"] == "CACHED"
