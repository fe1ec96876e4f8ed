"""``diptych simulate`` gives steps what Kubeflow Pipelines gave them, in each version that was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.kubeflow.compiler import build_spec
from diptych.kubeflow.local.release import LATEST, find_release
from diptych.kubeflow.local.results import FAILED, KILLED
from tests.conformance.recordings import (
    FIRST_RUN,
    Json,
    Recording,
    recorded_settings,
    recordings,
)
from tests.conformance.simulation import (
    ADDED_OUTPUTS,
    ADDED_PARAMETERS,
    KILLED_ALONE,
    KILLED_WITH_LAUNCHER,
    REMOVED_PARAMETERS,
    as_compiled_today,
    difference,
    simulate,
    simulated_inputs,
)

RECORDINGS = recordings()
STEPS = [(recording, step) for recording in RECORDINGS for step in recording.executor_inputs[FIRST_RUN]]
# The one with more than a first run.
DEVELOPMENT = Recording("after-2.17.0")
# What stood for Argo's controller had no templateDefaults, with which a command that fails is not tried again.
WITHOUT_DEFAULTS = replace(LATEST, retries_errors_only=False)


def check_equal(recorded: Json, simulated: Json) -> None:
    if found := difference(recorded, simulated):
        pytest.fail(found, pytrace=False)


def simulate_all(specs: Mapping[str, Json], factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a simulated run of each version's spec."""
    folders = {}
    for recording in RECORDINGS:
        folders[recording.version] = factory.mktemp("simulated")
        spec, release = specs[recording.version], find_release(recording.version)
        assert simulate(recording, spec, folders[recording.version], release).state == "SUCCEEDED"
    return folders


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of simulated runs of the recorded specs, by version."""
    return simulate_all({recording.version: recording.spec for recording in RECORDINGS}, tmp_path_factory)


@pytest.fixture(scope="module")
def folders_of_today(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of simulated runs of what the recorded settings are compiled to, by version."""
    spec = build_spec(recorded_settings(), "kfp")
    return simulate_all({recording.version: spec for recording in RECORDINGS}, tmp_path_factory)


def test_at_least_the_oldest_version_and_the_newest_are_recorded() -> None:
    assert {recording.version for recording in RECORDINGS} >= {"2.15.0", "2.17.0", "after-2.17.0"}
    assert all(len(recording.executor_inputs[FIRST_RUN]) == 13 for recording in RECORDINGS)


@pytest.mark.parametrize(("recording", "step"), STEPS, ids=str)
def test_a_step_is_given_what_kfp_gave_it(recording: Recording, step: str, folders: dict[str, Path]) -> None:
    (given,) = simulated_inputs(folders[recording.version], step)
    check_equal(recording.step(step), given)


@pytest.mark.parametrize(("recording", "step"), STEPS, ids=str)
def test_a_step_compiled_today_is_given_what_kfp_would_give_it(
    recording: Recording, step: str, folders_of_today: dict[str, Path]
) -> None:
    (given,) = simulated_inputs(folders_of_today[recording.version], step)
    check_equal(*as_compiled_today(step, recording.step(step), given))


def test_the_changes_of_the_compiler_are_changes() -> None:
    for step, parameters in REMOVED_PARAMETERS.items():
        assert set(parameters) <= set(DEVELOPMENT.step(step)["inputs"]["parameterValues"])
    for step, parameters in ADDED_PARAMETERS.items():
        assert not set(parameters) & set(DEVELOPMENT.step(step)["inputs"]["parameterValues"])
    for step, outputs in ADDED_OUTPUTS.items():
        assert not set(outputs) & set(DEVELOPMENT.step(step)["outputs"]["artifacts"])


def test_what_is_not_cached_is_given_the_same_in_a_second_run(tmp_path: Path) -> None:
    simulate(DEVELOPMENT, DEVELOPMENT.spec, tmp_path, LATEST)
    second = simulate(DEVELOPMENT, DEVELOPMENT.spec, tmp_path, LATEST)
    recorded = DEVELOPMENT.executor_inputs["second run, what was not cached"]
    assert {name for name, task in second.tasks.items() if task.state == "COMPLETE"} == set(recorded)
    for step, executor_input in recorded.items():
        check_equal(executor_input, simulated_inputs(tmp_path, step)[1])


def test_each_attempt_and_then_the_exit_handler_are_told_as_after_a_command_that_was_killed(tmp_path: Path) -> None:
    run = simulate(DEVELOPMENT, DEVELOPMENT.spec, tmp_path, WITHOUT_DEFAULTS, {"Trainer": KILLED_ALONE})
    assert run.tasks["Trainer"].attempts == [FAILED] * 3
    recorded = DEVELOPMENT.executor_inputs
    for attempt in range(3):
        check_equal(recorded["Trainer, its three attempts"][attempt], simulated_inputs(tmp_path, "Trainer")[attempt])
    (given,) = simulated_inputs(tmp_path, "Publish")
    check_equal(recorded["Publish after the Trainer failed three times (command killed, launcher alive)"], given)


def test_the_exit_handler_is_told_as_after_a_container_that_was_killed_whole(tmp_path: Path) -> None:
    run = simulate(DEVELOPMENT, DEVELOPMENT.spec, tmp_path, WITHOUT_DEFAULTS, {"Trainer": KILLED_WITH_LAUNCHER})
    assert run.tasks["Trainer"].attempts == [KILLED] * 3
    (given,) = simulated_inputs(tmp_path, "Publish")
    check_equal(DEVELOPMENT.executor_inputs["Publish after the whole container was killed three times"], given)


def test_a_difference_is_printed() -> None:
    recorded = DEVELOPMENT.step("Trainer")
    other = {**recorded, "inputs": {**recorded["inputs"], "parameterValues": {}}}
    assert '-      "epochs": 2,' in difference(recorded, other)
    assert not difference(recorded, recorded)
