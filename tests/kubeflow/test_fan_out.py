"""The pipeline spec with ``kubeflow.fan_out``: a loop as KFP's own compiler writes it, around the step Decode."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.argument_size import executor_input_bytes
from diptych.kubeflow.compiler import build_spec, compile_pipeline
from diptych.kubeflow.fan_out import LOOP
from diptych.kubeflow.spec import load_spec
from diptych.kubeflow.task_options import platform_spec
from diptych.kubeflow.tasks import step_tasks
from diptych.pipeline.settings import SettingsError
from tests.conformance.recordings import Json, Recording
from tests.kubeflow.compiled import ON_GOOGLE, containers_of, settings_with, tasks_of

FAN_OUT = "kubeflow.fan_out={pods: 16, from_rows: 1000}"
RECORDED = Recording("fan-out").spec


@pytest.fixture(scope="module")
def fanned(folder: Path) -> Json:
    """The spec with fan-out."""
    return build_spec(settings_with(folder, FAN_OUT, "kubeflow.resources.Decode={cpu: 3.5, retries: 5}"), "kfp")


def test_without_the_setting_one_pod_decodes(spec: Json) -> None:
    assert "Decode" not in step_tasks(spec)
    assert LOOP not in tasks_of(spec)


def test_the_loop_is_written_as_kfps_compiler_writes_it(fanned: Json) -> None:
    """The fields of the task, of its component and of what collects its outputs are those of a recorded spec."""
    ours, recorded = tasks_of(fanned)[LOOP], RECORDED["root"]["dag"]["tasks"]["for-loop-1"]
    assert set(ours) == set(recorded)
    assert set(ours["parameterIterator"]["items"]) == set(recorded["parameterIterator"]["items"])
    component, its = fanned["components"][LOOP], RECORDED["components"]["comp-for-loop-1"]
    assert set(component) == set(its)
    ((key, definition),) = component["outputDefinitions"]["artifacts"].items()
    ((_, its_definition),) = its["outputDefinitions"]["artifacts"].items()
    assert set(definition) == set(its_definition)
    assert definition["isArtifactList"] is its_definition["isArtifactList"] is True
    assert component["dag"]["outputs"]["artifacts"] == {
        key: {"artifactSelectors": [{"producerSubtask": "Decode", "outputArtifactKey": "slice"}]}
    }
    collected = tasks_of(fanned)["ImageTextExampleGen"]["inputs"]["artifacts"]["slices"]["taskOutputArtifact"]
    assert collected == {"producerTask": LOOP, "outputArtifactKey": key}
    assert tasks_of(fanned)["ImageTextExampleGen"]["dependentTasks"] == ["Sources", LOOP]
    assert ours["iteratorPolicy"] == {"parallelismLimit": 16}


def test_every_parameter_of_the_loop_has_a_source(fanned: Json) -> None:
    """v2/driver/resolve.go, resolveInputs: all but the item, which only an iteration is given."""
    component, task = fanned["components"][LOOP], tasks_of(fanned)[LOOP]
    item = task["parameterIterator"]["itemInput"]
    declared = component["inputDefinitions"]["parameters"]
    assert set(declared) == {item, *task["inputs"]["parameters"]}
    for source in task["inputs"]["parameters"].values():
        if "taskOutputParameter" in source:
            outputs = fanned["components"]["Sources"]["outputDefinitions"]["parameters"]
            assert source["taskOutputParameter"]["outputParameterKey"] in outputs
    decode = component["dag"]["tasks"]["Decode"]
    for source in decode["inputs"]["parameters"].values():
        assert "runtimeValue" in source or source["componentInputParameter"] in declared
    assert set(fanned["components"]["Decode"]["inputDefinitions"]["parameters"]) == set(decode["inputs"]["parameters"])
    assert decode["inputs"]["parameters"]["slice"] == {"componentInputParameter": item}


def test_what_a_slice_is_made_of_is_in_its_cache_key_and_nothing_else(fanned: Json) -> None:
    """The digest of the whole catalogue would change with each image."""
    given = fanned["components"][LOOP]["dag"]["tasks"]["Decode"]["inputs"]["parameters"]
    assert set(given) == {"slice", "catalogue", "publish_directory", "data_options", "image_options", "code"}
    ingestion = tasks_of(fanned)["ImageTextExampleGen"]["inputs"]["parameters"]
    for name in ("data_options", "image_options", "code"):
        assert given[name] == ingestion[name]
    assert fanned["components"][LOOP]["dag"]["tasks"]["Decode"]["cachingOptions"] == {"enableCache": True}


def test_decode_has_resources_and_retries_of_its_own(folder: Path, fanned: Json) -> None:
    assert containers_of(fanned)["Decode"]["resources"]["cpuLimit"] == 3.5
    assert containers_of(fanned)["ImageTextExampleGen"]["resources"]["cpuLimit"] == 4.0
    assert step_tasks(fanned)["Decode"]["retryPolicy"]["maxRetryCount"] == 5
    options = json.loads(
        step_tasks(fanned)["Decode"]["inputs"]["parameters"]["data_options"]["runtimeValue"]["constant"]
    )
    # As many processes decode as the pod has cores.
    assert options["processes"] == 4
    executors = platform_spec(settings_with(folder, FAN_OUT), fanned)["platforms"]["kubernetes"]["deploymentSpec"]
    assert "Decode_executor" in executors["executors"]


def test_the_types_of_the_collected_list_travel_in_the_command(fanned: Json) -> None:
    """KFP's driver empties them."""
    arguments = containers_of(fanned)["ImageTextExampleGen"]["args"]
    types = json.loads(arguments[arguments.index("--json_serialized_inputs_spec_args") + 1])
    assert "diptych.DecodedSlice" in types["artifacts"]["slices"]["artifactType"]["instanceSchema"]
    assert containers_of(fanned)["Decode"]["args"][:6] == [
        *("--artifacts", "mirrored", "--step", "Decode", "--outputs", "slice")
    ]


def test_the_type_of_a_slice_is_found_by_its_name() -> None:
    from tfx.utils import import_utils

    assert import_utils.import_class_by_path("diptych.DecodedSlice").TYPE_NAME == "diptych.DecodedSlice"


def test_kfp_takes_it(folder: Path) -> None:
    from kfp import components

    output = folder / "fanned.yaml"
    tasks = compile_pipeline(settings_with(folder, FAN_OUT), str(output))
    assert tasks[:3] == ["Sources", "Decode", "ImageTextExampleGen"]
    assert components.load_component_from_file(str(output)).name == "shop"
    publish = load_spec(str(output))["root"]["dag"]["tasks"]["Publish"]
    assert "Decode" in publish["inputs"]["parameters"]["steps"]["runtimeValue"]["constant"].split(",")


@pytest.mark.parametrize(
    ("target", "overrides", "key", "words"),
    [
        ("vertex", list(ON_GOOGLE), "kubeflow.fan_out", "dataflow"),
        ("kfp", ["beam.workers=2"], "kubeflow.fan_out", "beam.workers"),
        (
            "kfp",
            ["beam={runner: flink, endpoint: 'jobs:8099'}", *ON_GOOGLE[:2]],
            "kubeflow.fan_out",
            "beam.runner",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    folder: Path, target: Any, overrides: list[str], key: str, words: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(key)}: .*{words}"):
        build_spec(settings_with(folder, FAN_OUT, *overrides), target)


@pytest.mark.parametrize("pods", [0, 101])
def test_a_wrong_number_of_pods_names_the_key(folder: Path, pods: int) -> None:
    with pytest.raises(SettingsError, match=r"kubeflow\.fan_out\.pods"):
        settings_with(folder, f"kubeflow.fan_out.pods={pods}")


def test_the_defaults_are_those_that_the_docs_tell(folder: Path) -> None:
    options = settings_with(folder, "kubeflow.fan_out={}").kubeflow.fan_out
    assert options is not None
    assert (options.pods, options.from_rows) == (16, 100_000)


def test_the_collected_list_fits_into_an_argument(folder: Path) -> None:
    """What is reckoned for a slice is more than what a recorded artifact and the item of a slice take."""
    most = build_spec(settings_with(folder, "kubeflow.fan_out.pods=100"), "kfp")
    tasks = tasks_of(most)
    few = tasks_of(build_spec(settings_with(folder, "kubeflow.fan_out.pods=1"), "kfp"))
    per_slice = executor_input_bytes(tasks["ImageTextExampleGen"], tasks) - executor_input_bytes(
        few["ImageTextExampleGen"], few
    )
    recorded = Recording("fan-out").executor_inputs["merge"][0]["inputs"]["artifacts"]["parts"]["artifacts"][0]
    item = {"number": 100, "count": 100, "source": "a/folder/and/a/file.csv", "source_index": 10**4, "rows": 10**7}
    taken = len(json.dumps(recorded)) + len(json.dumps({**item, "first_row": 10**8, "digest": "0" * 64}))
    assert per_slice // 99 >= taken + 100
    long = [f"label {number:06}" for number in range(3000)]
    with pytest.raises(SettingsError, match=r"ImageTextExampleGen: .* kubeflow\.fan_out\.pods fewer"):
        build_spec(settings_with(folder, "kubeflow.fan_out.pods=100", f"data.labels={json.dumps(long)}"), "kfp")
