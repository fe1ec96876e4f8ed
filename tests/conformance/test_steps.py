"""Every step runs on what Kubeflow Pipelines gave it, in each version that was recorded, with an S3 server for a store.

URIs, names, types and metadata are the recorded ones; only the address of the store is that of the server here. The
command of each step is today's; so are the parameters and outputs that the compiler has added since
(``ADDED_PARAMETERS``, ``ADDED_OUTPUTS``).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from diptych.kubeflow.compiler import build_spec
from diptych.kubeflow.container import store_endpoint
from diptych.pipeline.options.kubeflow import STEPS
from tests.conformance.conftest import ROWS
from tests.conformance.launcher import LOG_TEXT, LOGS, Launcher, Outcome
from tests.conformance.recordings import FIRST_RUN, Json, Recording, recorded_settings, recordings
from tests.conformance.simulation import ADDED_OUTPUTS, ADDED_PARAMETERS, without_removed_options

pytestmark = pytest.mark.e2e

RECORDINGS = recordings()
ARTIFACTS = "minio://shop/artifacts/shop"
# What KFP adds to the metadata that a step reports.
ADDED_METADATA = {"display_name", "store_session_info"}


class Run:
    """The recorded first run of one version, done again.

    Attributes:
        outcomes: how each step ended, in the order in which they ran.
    """

    def __init__(self, recording: Recording, spec: Json, launcher: Launcher, endpoint: str) -> None:
        self.recording, self.launcher = recording, launcher
        self._spec, self._endpoint = spec, endpoint
        self.id: str = recording.step("Publish")["inputs"]["parameterValues"]["run"]
        self.outcomes: dict[str, Outcome] = {}
        for step in STEPS:
            if step in recording.executor_inputs[FIRST_RUN]:
                self.outcomes[step] = self.run(step, self.executor_input(step))

    def run(self, step: str, executor_input: Json) -> Outcome:
        container = self._spec["deploymentSpec"]["executors"][f"{step}_executor"]["container"]
        return self.launcher.run(container, executor_input, self.id)

    def executor_input(self, step: str) -> Json:
        """The recorded ExecutorInput, with the address of the server, and with what was added since."""
        text = json.dumps(self.recording.step(step))
        given: Json = json.loads(re.sub(r"[\w-]+\.kubeflow:9000", self._endpoint.removeprefix("http://"), text))
        declared = self._spec["components"][step].get("outputDefinitions", {}).get("artifacts", {})
        artifacts = given["outputs"]["artifacts"]
        folder = artifacts[LOGS]["artifacts"][0]["uri"].rpartition("/")[0]
        for name in ADDED_OUTPUTS.get(step, []):
            added = {"name": name, "uri": f"{folder}/{name}", "type": declared[name]["artifactType"]}
            artifacts.setdefault(name, {"artifacts": [added]})
        parameters = given["inputs"].get("parameterValues", {})
        parameters.update({name: without_removed_options(value) for name, value in parameters.items()})
        compiled = self._spec["components"]["pipeline"]["dag"]["tasks"].get(step, {}).get("inputs", {})
        for name in ADDED_PARAMETERS.get(step, []):
            constant = compiled["parameters"][name]["runtimeValue"]["constant"]
            given["inputs"]["parameterValues"].setdefault(name, constant)
        return given

    def published(self, name: str) -> bytes:
        """A file of the run's folder in the publish directory."""
        return self.launcher.read(f"{ARTIFACTS}/runs/{self.id}/{name}")


@pytest.fixture(scope="module")
def spec() -> Json:
    return build_spec(recorded_settings(), "kfp")


@pytest.fixture(scope="module", params=RECORDINGS, ids=str)
def run(
    request: pytest.FixtureRequest,
    spec: Json,
    catalogue: Path,
    endpoint: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    launcher = Launcher(tmp_path_factory.mktemp("run"), endpoint)
    launcher.make_bucket("shop")
    launcher.upload(catalogue, "minio://shop/catalogue")
    with pytest.MonkeyPatch.context() as patched:
        # Of the two services, the older one is there.
        patched.setattr(store_endpoint, "candidate_endpoints", lambda: ["http://127.0.0.1:9", endpoint])
        return Run(request.param, spec, launcher, endpoint)


@pytest.mark.parametrize("step", RECORDINGS[0].executor_inputs[FIRST_RUN])
def test_a_step_passes(run: Run, step: str) -> None:
    outcome = run.outcomes[step]
    assert outcome.exit_code == 0
    assert outcome.log == LOG_TEXT
    assert LOGS not in outcome.output.get("artifacts", {})


def test_all_steps_are_recorded(run: Run) -> None:
    assert len(run.outcomes) == 13


def test_what_a_step_reports_has_the_metadata_that_was_recorded(run: Run) -> None:
    """The steps after it are given the recorded metadata, not what it reports here."""
    for outcome in run.outcomes.values():
        for lists in outcome.given["inputs"].get("artifacts", {}).values():
            (artifact,) = lists["artifacts"]
            reported = next(each for each in _reported(run) if each["uri"] == artifact["uri"])
            assert set(reported.get("metadata", {})) == set(artifact["metadata"]) - ADDED_METADATA


def _reported(run: Run) -> Iterator[dict[str, Any]]:
    for outcome in run.outcomes.values():
        for lists in outcome.output.get("artifacts", {}).values():
            yield from lists["artifacts"]


def test_the_run_is_published(run: Run) -> None:
    summary = json.loads(run.published("summary.json"))
    assert (summary["status"], summary["failure"]) == ("succeeded", None)
    assert (summary["cached"], summary["unfinished"]) == ([], [])
    assert summary["rows"] == ROWS
    assert set(summary["seconds"]) == set(run.outcomes) - {"Publish"}
    assert summary["metrics"]["accuracy"] >= 0
    assert all(
        uri.startswith(f"{ARTIFACTS}/{run.id}/") for found in summary["artifacts"].values() for uri in found.values()
    )
    assert b"<html" in run.published("report.html").lower()
    outputs = run.outcomes["Report"].output["artifacts"]
    assert b"<html" in run.launcher.read(outputs["html"]["artifacts"][0]["uri"]).lower()


def test_a_repeated_gate_accepts_the_same_data_once(run: Run) -> None:
    accepted = run.launcher.keys(f"{ARTIFACTS}/pushed/accepted")
    # Two files, and the claim of the version's number.
    assert len(accepted) == 3
    verdict = run.outcomes["DataGate"].output["artifacts"]["verdict"]["artifacts"][0]["uri"]
    found = run.launcher.read(f"{verdict}/verdict.json")
    assert run.run("DataGate", run.executor_input("DataGate")).exit_code == 0
    assert run.launcher.keys(f"{ARTIFACTS}/pushed/accepted") == accepted
    assert run.launcher.read(f"{verdict}/verdict.json") == found


def test_a_repeated_push_is_the_same_push(run: Run) -> None:
    """The recorded model was not blessed; here it is."""
    given = copy.deepcopy(run.executor_input("Pusher"))
    given["inputs"]["artifacts"]["model_blessing"]["artifacts"][0]["metadata"]["blessed"] = 1
    reported = []
    for _ in range(2):
        outcome = run.run("Pusher", given)
        assert outcome.exit_code == 0
        reported.append(outcome.output["artifacts"]["pushed_model"]["artifacts"][0]["metadata"])
    assert reported[0]["pushed"] == 1
    assert reported[0] == reported[1]
    version = reported[0]["pushed_version"]
    assert reported[0]["pushed_destination"] == f"{ARTIFACTS}/pushed/{version}"
    pushed = run.launcher.keys(f"{ARTIFACTS}/pushed")
    assert {key.split("/")[0] for key in pushed} == {".claims", "accepted", version}
    assert f"{version}/saved_model.pb" in pushed


@pytest.mark.promise(
    "On Kubeflow, a step reads no input that is not as its step wrote it, and says which file is damaged"
)
def test_a_damaged_input_fails_the_step_that_reads_it(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    given = run.executor_input("StatisticsGen")
    examples = given["inputs"]["artifacts"]["examples"]["artifacts"][0]["uri"]
    shard = f"{examples}/{run.launcher.keys(examples)[0]}"
    whole = run.launcher.read(shard)
    run.launcher.write(shard, whole[:-1])
    assert run.run("StatisticsGen", given).exit_code == 1
    message = capfd.readouterr().err.splitlines()[-1]
    assert message == (
        f"diptych: StatisticsGen failed: input 'examples' of StatisticsGen is damaged: '{shard}' has "
        f"{len(whole) - 1:,} bytes, not {len(whole):,}; run again without cache, and ImageTextExampleGen makes it anew"
    )
    run.launcher.write(shard, whole)
    assert run.run("StatisticsGen", given).exit_code == 0
