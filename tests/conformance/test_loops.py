"""``diptych simulate`` hands out a loop, and collects what its iterations put out, as Kubeflow Pipelines did."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from diptych.kubeflow.local.release import LATEST, find_release
from diptych.kubeflow.local.results import CACHED, COMPLETE, FAILED, NOT_RUN, SimulatedRun
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.local.step import Cluster
from diptych.kubeflow.spec import SpecError
from tests.conformance.recordings import Json, Recording
from tests.conformance.simulation import KILLED_WITH_LAUNCHER, difference, reporting, simulated_inputs

RECORDING = Recording("fan-out")
SHARDS = [0, 1, 2]
# Of the second item, the first attempt fails.
_FAILS_ONCE = """
marker = pathlib.Path(os.environ["DIPTYCH_STORES"], "failed")
if given["inputs"]["parameterValues"]["shard"] == 1 and not marker.exists():
    marker.touch()
    sys.exit(1)
"""
_FAILS = 'if given["inputs"]["parameterValues"]["shard"] == 1: '


def simulate(root: Path, spec: Json | None = None, items: str = json.dumps(SHARDS), **ends: str) -> SimulatedRun:
    """Runs the recorded spec, or another one, whose step "plan" puts out some items."""
    cluster = Cluster(release=LATEST, pipeline_root="minio://shop/fan")
    replaced = reporting(spec or RECORDING.spec, lambda *_: {}, lambda *_: items, ends)
    return Simulation(replaced, str(root), cluster).run({})


def comparable(executor_input: Json) -> Json:
    """An ExecutorInput without the number of its log.

    The step has no retries. The launcher then takes what stands in the last parentheses of the name of Argo's node for
    the number of the attempt, and what stood for Argo had put the number of the item there: retryIndexFromPodAnnotation
    in backend/src/v2/component/launcher_v2.go. Argo itself writes "(1:1)", which is no number, and so 0.
    """
    return dict(json.loads(re.sub(r"executor-logs-\d", "executor-logs-0", json.dumps(executor_input))))


def by_shard(executor_inputs: list[Json]) -> dict[int, Json]:
    return {given["inputs"]["parameterValues"]["shard"]: given for given in executor_inputs}


def collected_shards(decode: list[Json], merge: Json) -> list[int]:
    """The items of the artifacts that were collected, in their order."""
    made = {
        given["outputs"]["artifacts"]["part"]["artifacts"][0]["uri"]: shard for shard, given in by_shard(decode).items()
    }
    return [made[artifact["uri"]] for artifact in merge["inputs"]["artifacts"]["parts"]["artifacts"]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a simulated run."""
    folder = tmp_path_factory.mktemp("simulated")
    assert simulate(folder).state == "SUCCEEDED"
    return folder


def test_before_and_after_the_loop_a_step_is_given_what_kfp_gave_it(root: Path) -> None:
    for step in ("plan", "merge"):
        (recorded,), (given,) = RECORDING.executor_inputs[step], simulated_inputs(root, step)
        if found := difference(recorded, given):
            pytest.fail(found, pytrace=False)


def test_each_iteration_is_given_what_kfp_gave_it(root: Path) -> None:
    recorded, given = by_shard(RECORDING.executor_inputs["decode"]), by_shard(simulated_inputs(root, "decode"))
    assert sorted(recorded) == sorted(given) == SHARDS
    for shard in SHARDS:
        if found := difference(comparable(recorded[shard]), comparable(given[shard])):
            pytest.fail(found, pytrace=False)


def test_outputs_are_collected_in_the_order_of_the_items(root: Path) -> None:
    recorded = RECORDING.executor_inputs
    assert collected_shards(recorded["decode"], recorded["merge"][0]) == SHARDS
    (merge,) = simulated_inputs(root, "merge")
    assert collected_shards(simulated_inputs(root, "decode"), merge) == SHARDS


def test_the_collected_list_has_no_types(root: Path) -> None:
    (merge,) = simulated_inputs(root, "merge")
    for given in (RECORDING.executor_inputs["merge"][0], merge):
        types = [artifact["type"] for artifact in given["inputs"]["artifacts"]["parts"]["artifacts"]]
        assert types == [{"instanceSchema": ""}] * len(SHARDS)


def test_an_iteration_is_cached_by_what_it_is_given(tmp_path: Path) -> None:
    simulate(tmp_path)
    assert {task.state for task in simulate(tmp_path).tasks.values()} == {CACHED}
    changed = simulate(tmp_path, items="[0, 7, 2]")
    # What "plan" puts out is part of its command here.
    assert {name for name, task in changed.tasks.items() if task.state == COMPLETE} == {"plan", "decode[1]", "merge"}
    assert changed.tasks["decode[2]"].state == CACHED


def test_an_iteration_that_failed_once_is_tried_again_alone(tmp_path: Path) -> None:
    spec = json.loads(json.dumps(RECORDING.spec))
    decode = spec["components"]["comp-for-loop-1"]["dag"]["tasks"]["decode"]
    decode["retryPolicy"] = {"maxRetryCount": 1, "backoffDuration": "1s", "backoffMaxDuration": "100s"}
    cluster = Cluster(release=find_release("2.16.1"), pipeline_root="minio://shop/fan")
    replaced = reporting(spec, lambda *_: {}, lambda *_: json.dumps(SHARDS), {"decode": _FAILS_ONCE})
    run = Simulation(replaced, str(tmp_path), cluster).run({})
    assert [run.tasks[f"decode[{shard}]"].attempts for shard in SHARDS] == [[COMPLETE], [FAILED, COMPLETE], [COMPLETE]]
    assert run.tasks["merge"].state == COMPLETE


@pytest.mark.parametrize("end", [_FAILS + "sys.exit(1)\n", _FAILS + KILLED_WITH_LAUNCHER], ids=["failed", "killed"])
def test_after_an_iteration_that_fails_nothing_is_collected(tmp_path: Path, end: str) -> None:
    run = simulate(tmp_path, decode=end)
    assert run.state == "FAILED"
    assert run.tasks["decode[1]"].state != COMPLETE
    assert (run.tasks["decode[0]"].state, run.tasks["decode[2]"].state) == (COMPLETE, COMPLETE)
    assert run.tasks["merge"].state == NOT_RUN


def test_a_loop_over_nothing_stops_where_kfp_would(tmp_path: Path) -> None:
    """v2/driver/resolve.go, resolveUpstreamArtifacts: a loop without iterations is searched as if it were none."""
    with pytest.raises(SpecError, match="empty list"):
        simulate(tmp_path, items="[]")


def test_items_that_are_no_list_are_refused(tmp_path: Path) -> None:
    spec = json.loads(json.dumps(RECORDING.spec))
    loop = spec["root"]["dag"]["tasks"]["for-loop-1"]
    loop["parameterIterator"]["items"] = {"raw": '{"not": "a list"}'}
    with pytest.raises(SpecError, match="iterates over lists only"):
        simulate(tmp_path, spec)
    loop["parameterIterator"]["items"] = {"raw": "[5, 6]"}
    assert {"decode[0]", "decode[1]"} < set(simulate(tmp_path, spec).tasks)
