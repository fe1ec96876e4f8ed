"""A simulated run of what was recorded, whose steps report what the recorded ones reported, and how both are compared.

All that is left out of the comparison stands in ``normalise``. What the compiler has changed since the runs were
recorded stands in ``REMOVED_OPTIONS``, ``REMOVED_PARAMETERS``, ``ADDED_PARAMETERS`` and ``ADDED_OUTPUTS``; options that
were added to those of a step are left out.
"""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from diptych.kubeflow.local.release import Release
from diptych.kubeflow.local.results import SimulatedRun
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.local.step import Cluster
from diptych.kubeflow.spec import resolve_parameters
from tests.conformance.recordings import Json, Recording

# The command of each step. It keeps its ExecutorInput in the stores, and reports what the recorded step reported.
_STEP = """
import json, os, pathlib, sys
name = sys.argv[1]
given, output, texts = map(json.loads, sys.argv[2:])
kept = pathlib.Path(os.environ["DIPTYCH_STORES"], "given", name)
kept.parent.mkdir(exist_ok=True)
with kept.open("a") as file:
    file.write(sys.argv[2] + "\\n")
for parameter, text in texts.items():
    pathlib.Path(given["outputs"]["parameters"][parameter]["outputFile"]).write_text(text)
pathlib.Path(given["outputs"]["outputFile"]).write_text(json.dumps(output))
"""
#: How a step's command may end: it is killed alone, or with the launcher and so with its whole container.
KILLED_ALONE = "os.kill(os.getpid(), 9)\n"
KILLED_WITH_LAUNCHER = "os.kill(os.getppid(), 9)\n"

#: Changes of the compiler since the recordings: options and parameters that steps are not given, and what was added.
REMOVED_OPTIONS = {"pixels"}
REMOVED_PARAMETERS = {"DataGate": ["task"], "Publish": ["run"]}
ADDED_PARAMETERS = {
    "LinearBaseline": ["image_options", "label_options", "threshold_options"],
    "Report": ["settings"],
}
ADDED_OUTPUTS = {"Report": ["confusion_matrix", "html", "metrics"]}

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


#: Of an output artifact the metadata, and of an output parameter the text, that a step reports; by step and output.
Reported = Callable[[str, str], Any]


def simulate(
    recording: Recording, spec: Json, root: Path, release: Release, ends: Mapping[str, str] | None = None
) -> SimulatedRun:
    """Runs a spec whose steps report what the steps of the recorded first run reported.

    Args:
        root: folder of everything.
        ends: lines of Python at the end of the commands of some steps, by the name of the step.
    """
    metadata, text = partial(_reported_metadata, recording), partial(_reported_text, recording)
    return Simulation(reporting(spec, metadata, text, ends), str(root), Cluster(release=release)).run(
        resolve_parameters(spec, {})
    )


def reporting(spec: Json, metadata: Reported, text: Reported, ends: Mapping[str, str] | None = None) -> Json:
    """A spec whose steps keep what they are given, for ``simulated_inputs``, and report what they are told.

    Args:
        ends: lines of Python at the end of the commands of some steps, by the name of the step.
    """
    spec = copy.deepcopy(spec)
    for name, component in _components(spec):
        outputs = component.get("outputDefinitions", {})
        artifacts = {
            key: {"artifacts": [{"name": key, "metadata": metadata(name, key)}]} for key in outputs.get("artifacts", {})
        }
        texts = {key: text(name, key) for key in outputs.get("parameters", {})}
        container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        container["command"] = ["python", "-c", _STEP + (ends or {}).get(name, "")]
        container["args"] = [name, "{{$}}", json.dumps({"artifacts": artifacts}), json.dumps(texts)]
    return spec


def _components(spec: Json) -> Iterator[tuple[str, Json]]:
    """Name and component of each step."""
    for component in (spec["root"], *spec["components"].values()):
        for name, task in component.get("dag", {}).get("tasks", {}).items():
            component = spec["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                yield name, component


def _reported_metadata(recording: Recording, step: str, output: str) -> Json:
    """What a recorded step reported of an output, by what the steps after it were given."""
    for executor_input in recording.executor_inputs["first run"].values():
        for lists in executor_input["inputs"].get("artifacts", {}).values():
            (artifact,) = lists["artifacts"]
            if re.search(f"/{step}/{_UUID}/{output}$", artifact["uri"]):
                metadata = {key: _reported(value) for key, value in artifact["metadata"].items()}
                return {key: metadata[key] for key in metadata if key not in ("display_name", "store_session_info")}
    return {}


def _reported(value: Any) -> Any:
    """A property as a step reports it, from what the metadata store makes of it."""
    return value["struct"] if isinstance(value, dict) and set(value) == {"struct"} else value


def _reported_text(recording: Recording, _: str, parameter: str) -> str:
    """The text that the step Sources wrote as an output parameter: all go to ImageTextExampleGen, by their names."""
    return str(recording.step("ImageTextExampleGen")["inputs"]["parameterValues"][parameter])


def simulated_inputs(root: Path, step: str) -> list[Json]:
    """The ExecutorInputs that a step was given, in all runs and attempts in a folder."""
    lines = (root / "stores/given" / step).read_text().splitlines()
    # In a cluster, each container's file system begins at "/".
    containers = re.compile(re.escape(str(root)) + r"/runs/[^/]+/containers/[^/]+")
    return [json.loads(containers.sub("", line)) for line in lines]


def normalise(executor_input: Json) -> Json:
    """An ExecutorInput without what differs from run to run: ids, the numbers of artifacts, digests.

    Times stand in none. The name of a workflow is that of the pipeline and some random letters.
    """
    run = executor_input["outputs"]["outputFile"].split("/")[-4]
    text = re.sub(_UUID, "ID", json.dumps(executor_input).replace(run, "ID"))
    # What a recorded step reported names the recorded run.
    text = re.sub(r"(minio://shop/artifacts/shop/)[^/]+(/\w+/ID)", r"\1ID\2", text)
    text = re.sub(r'("pipelineJobResourceName": "shop-)\w+"', r'\1NAME"', text)
    text = re.sub(r'("(?:name|current_model_id)": )"\d+"', r'\1"NUMBER"', text)
    return dict(json.loads(re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)))


def as_compiled_today(step: str, recorded: Json, simulated: Json) -> tuple[Json, Json]:
    """A recorded ExecutorInput, and a simulated one of today's compiler, without what the compiler may have changed."""
    recorded, simulated = copy.deepcopy(recorded), copy.deepcopy(simulated)
    for name in REMOVED_PARAMETERS.get(step, []):
        recorded["inputs"]["parameterValues"].pop(name, None)
    for name in ADDED_OUTPUTS.get(step, []):
        if name not in recorded["outputs"]["artifacts"]:
            del simulated["outputs"]["artifacts"][name]
    given = simulated["inputs"]["parameterValues"]
    for name in ADDED_PARAMETERS.get(step, []):
        del given[name]
    for name, value in recorded["inputs"]["parameterValues"].items():
        old = without_removed_options(value)
        recorded["inputs"]["parameterValues"][name], given[name] = _with_known_options(old, given.get(name))
    return recorded, simulated


def without_removed_options(recorded: Any) -> Any:
    """A value of a recorded parameter without the options that steps are no longer given; what is JSON stays a text."""
    parsed = _parsed(recorded)
    if not isinstance(parsed, dict):
        return recorded
    kept = {key: without_removed_options(value) for key, value in parsed.items() if key not in REMOVED_OPTIONS}
    return json.dumps(kept) if isinstance(recorded, str) else kept


def _with_known_options(recorded: Any, given: Any) -> tuple[Any, Any]:
    """A value of a recorded parameter, and today's without the options that were added since; JSON is parsed."""
    recorded, given = _parsed(recorded), _parsed(given)
    if not isinstance(recorded, dict) or not isinstance(given, dict):
        return recorded, given
    pairs = {key: _with_known_options(value, given[key]) for key, value in recorded.items() if key in given}
    lost = {key: value for key, value in recorded.items() if key not in given}
    return {key: old for key, (old, _) in pairs.items()} | lost, {key: new for key, (_, new) in pairs.items()}


def _parsed(value: Any) -> Any:
    """The object that a text holds as JSON, or the value itself."""
    if isinstance(value, str) and value.startswith("{"):
        with suppress(ValueError):
            return json.loads(value)
    return value


def difference(recorded: Json, simulated: Json) -> str:
    """The lines in which a simulated ExecutorInput differs from a recorded one; empty if there are none."""
    texts = [json.dumps(normalise(each), indent=2, sort_keys=True).splitlines() for each in (recorded, simulated)]
    return "\n".join(difflib.unified_diff(*texts, "recorded", "simulated", n=4, lineterm=""))
