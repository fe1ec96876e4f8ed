"""Decoding in several pods, from the compiled file, as ``diptych simulate`` runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.compiler import build_spec
from diptych.kubeflow.local.platform import executor_configs
from diptych.kubeflow.local.release import find_release
from diptych.kubeflow.local.results import CACHED, COMPLETE, KILLED, NOT_RUN, SimulatedRun
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.local.step import Cluster
from diptych.kubeflow.spec import resolve_parameters
from diptych.kubeflow.task_options import platform_spec
from diptych.pipeline.runs.digest import digest_dataset
from diptych.pipeline.settings import Settings, check_settings
from tests.helpers import write_catalogue, write_image

pytestmark = pytest.mark.e2e

PODS = 4
FILES, ROWS_PER_FILE = 16, 10
ROWS = FILES * ROWS_PER_FILE
DECODE = [f"Decode[{number}]" for number in range(PODS)]
# Before the entry point of the pod that decodes the second slice: after the first chunk, the whole container is killed.
_KILLED = """
import json, os, pathlib, sys
from diptych.components.example_gen import decoded_slices
from diptych.kubeflow.container.entrypoint import main

given = json.loads(sys.argv[sys.argv.index("--json_serialized_invocation_args") + 1])
kill = pathlib.Path(os.environ["DIPTYCH_STORES"], "kill")
describe = decoded_slices._describe_chunk

def killed(index):
    kill.unlink()
    os.kill(os.getppid(), 9)

if given["inputs"]["parameterValues"]["slice"]["number"] == 2 and kill.exists():
    decoded_slices._describe_chunk = killed
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of simulated runs, with a catalogue of 16 files in its store."""
    folder = tmp_path_factory.mktemp("fan-out")
    catalogue = folder / "stores/minio/shop/catalogue"
    for file in range(FILES):
        rows = []
        for number in range(file * ROWS_PER_FILE, (file + 1) * ROWS_PER_FILE):
            write_image(catalogue / f"images/{number}.png", seed=number)
            label = "cat" if number % 2 else "dog"
            rows.append({"image": f"images/{number}.png", "description": f"text {number}", "label": label})
        write_catalogue(catalogue, rows)
        (catalogue / "catalogue.csv").rename(catalogue / f"part-{file:02}.csv")
    return folder


def make_settings(pods: int) -> Settings:
    values = {
        "name": "shop",
        "data": {
            "catalogue": "minio://shop/catalogue/part-*.csv",
            "splits": {"train": 0.6, "val": 0.2, "test": 0.2},
            "processes": 1,
        },
        "image": {"height": 16, "width": 16},
        "kubeflow": {
            "pipeline_root": "minio://shop/artifacts",
            "fan_out": {"pods": pods, "from_rows": ROWS} if pods else None,
        },
    }
    return check_settings(values, "test")


def ingestion(pods: int) -> dict[str, Any]:
    """The compiled pipeline without what comes after ingestion."""
    spec = build_spec(make_settings(pods), "kfp")
    dag = spec["components"]["pipeline"]["dag"]
    kept = ("Sources", "for-loop-1", "ImageTextExampleGen")
    dag["tasks"] = {name: task for name, task in dag["tasks"].items() if name in kept}
    return spec


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    spec = ingestion(PODS)
    container = spec["deploymentSpec"]["executors"]["Decode_executor"]["container"]
    assert container["command"] == ["python", "-m", "diptych.kubeflow.container.entrypoint", "decode"]
    container["command"] = ["python", "-c", _KILLED, "decode"]
    return spec


@pytest.fixture(scope="module")
def simulate(folder: Path) -> Callable[[dict[str, Any], str], SimulatedRun]:
    def simulate(spec: dict[str, Any], version: str) -> SimulatedRun:
        executors = executor_configs(platform_spec(make_settings(PODS), spec))
        cluster = Cluster(release=find_release(version), executors=executors)
        return Simulation(spec, str(folder), cluster).run(resolve_parameters(spec, {}))

    return simulate


Simulate = Callable[[dict[str, Any], str], SimulatedRun]


def digest(folder: Path, run: SimulatedRun) -> str:
    uri = run.tasks["ImageTextExampleGen"].artifacts["examples"]["uri"]
    return digest_dataset(str(folder / "stores" / uri.replace("://", "/"))).digest


def states(run: SimulatedRun) -> dict[str, str]:
    return {name: result.state for name, result in run.tasks.items()}


@pytest.fixture(scope="module")
def in_one_pod(folder: Path, simulate: Simulate) -> str:
    """The digest of the dataset without fan-out."""
    return digest(folder, simulate(ingestion(0), "2.17.0"))


@pytest.fixture(scope="module")
def killed(folder: Path, spec: dict[str, Any], simulate: Simulate) -> SimulatedRun:
    """A run of which one pod is killed together with KFP's launcher, where nothing is tried again after that."""
    (folder / "stores/kill").touch()
    return simulate(spec, "2.17.0")


@pytest.mark.promise(
    "On Kubeflow, a pod that is killed while it decodes leaves nothing that counts, and no other decodes again"
)
def test_a_killed_pod_leaves_nothing_that_counts_and_another_attempt_replaces_it(
    folder: Path,
    spec: dict[str, Any],
    simulate: Simulate,
    killed: SimulatedRun,
    in_one_pod: str,
    record_property: Callable[[str, object], None],
) -> None:
    assert states(killed)[DECODE[1]] == KILLED
    assert states(killed)["ImageTextExampleGen"] == NOT_RUN
    summary = json.loads((folder / f"stores/minio/shop/artifacts/shop/runs/{killed.id}/summary.json").read_text())
    assert summary["status"] == "failed"
    assert "Decode-2" in summary["unfinished"]
    assert not {"Decode-1", "Decode-3"} & set(summary["unfinished"])
    slices = list((folder / f"stores/minio/shop/artifacts/shop/{killed.id}/Decode").glob("*/slice"))
    assert len(slices) == PODS - 1
    # Here KFP tries again what was killed.
    (folder / "stores/kill").touch()
    second = simulate(spec, "2.16.1")
    again = [name for name in DECODE if states(second)[name] != CACHED]
    assert again == [DECODE[1]]
    assert second.tasks[DECODE[1]].attempts == [KILLED, COMPLETE]
    assert digest(folder, second) == in_one_pod
    record_property(
        "figure", f"1 of {PODS} pods killed twice: {len(again)} decoded again, the same dataset as of one pod"
    )


@pytest.mark.promise("On Kubeflow, a changed image makes one pod decode its slice of the catalogue again, and no other")
def test_a_changed_image_decodes_one_slice_again(
    folder: Path, spec: dict[str, Any], simulate: Simulate, record_property: Callable[[str, object], None]
) -> None:
    before = simulate(spec, "2.17.0")
    unchanged = simulate(spec, "2.17.0")
    assert {name for name, state in states(unchanged).items() if state == CACHED} == {*DECODE, "ImageTextExampleGen"}
    write_image(folder / "stores/minio/shop/catalogue/images/130.png", seed=1000)
    run = simulate(spec, "2.17.0")
    again = [name for name in DECODE if states(run)[name] == COMPLETE]
    # The image of row 131 is in the last of four slices of 40 rows.
    assert again == [DECODE[3]]
    assert digest(folder, run) != digest(folder, before)
    rows = sum(run.tasks[name].artifacts["slice"]["metadata"]["rows"] for name in again)
    assert rows == ROWS // PODS
    record_property("figure", f"1 image changed: {rows} of {ROWS} rows decoded again")


def test_with_fewer_rows_one_pod_decodes(folder: Path, spec: dict[str, Any], simulate: Simulate) -> None:
    parameters = spec["components"]["pipeline"]["dag"]["tasks"]["Sources"]["inputs"]["parameters"]
    parameters["from_rows"]["runtimeValue"]["constant"] = ROWS + 1
    found = states(simulate(spec, "2.17.0"))
    assert [name for name in found if name.startswith("Decode")] == [DECODE[0]]
    assert found["ImageTextExampleGen"] == COMPLETE
