"""Steps of a fan-out run on what Kubeflow Pipelines hands out in a loop, with an S3 server for a store.

The ExecutorInputs have the shape of the recorded ones: artifacts that are collected come as one list, without types.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from diptych.components.catalogue.options import Columns, SplitRatios
from diptych.components.catalogue.readers import rows
from diptych.components.example_gen import decoded_slices
from diptych.kubeflow.compiler import build_spec
from diptych.kubeflow.container import store_endpoint
from diptych.kubeflow.tasks import step_tasks
from diptych.pipeline.options.kubeflow import FanOutOptions
from diptych.pipeline.runs.digest import digest_dataset
from diptych.pipeline.settings import Settings
from tests.conformance.launcher import LOGS, Launcher, Outcome
from tests.conformance.recordings import Json, Recording, recorded_settings
from tests.helpers import write_catalogue, write_image

pytestmark = pytest.mark.e2e

RECORDING = Recording("fan-out")
ARTIFACTS = "minio://shop/artifacts/shop"
ROWS = 48


class Run:
    """A run of ingestion with a number of pods.

    Attributes:
        pods: number of pods that decode; 0 for a run without fan-out.
        decoded: how each slice was decoded, in their order.
    """

    def __init__(self, pods: int, uri: str, launcher: Launcher, endpoint: str) -> None:
        self.pods, self._uri, self.launcher, self._endpoint = pods, uri, launcher, endpoint
        self.id = f"run-{pods}"
        self._spec = build_spec(_settings(pods, with_texts=uri.endswith(".csv")), "kfp")
        self.sources = self.run("Sources", {"catalogue": uri, "span": -1})
        self.decoded: list[Outcome] = []

    @property
    def slices(self) -> list[Json]:
        return list(self.sources.output["parameterValues"]["slices"])

    def decode_all(self) -> None:
        """Decodes the slices; which of them ends first is left to chance."""
        slices = self.slices
        order = random.Random(self.pods).sample(range(len(slices)), len(slices))
        ended = {place: self.decode(slices[place]) for place in order}
        assert {outcome.exit_code for outcome in ended.values()} == {0}
        self.decoded = [ended[place] for place in range(len(slices))]

    def decode(self, part: Json, name: str = "") -> Outcome:
        """Decodes a slice.

        Args:
            name: of the execution in the URIs of the outputs.
        """
        parameters = {"slice": part, "catalogue": self._uri}
        return self.run("Decode", parameters, name=name or f"slice-{part['number']}")

    def ingest(self) -> Outcome:
        found = dict(self.sources.output["parameterValues"])
        return self.run("ImageTextExampleGen", found, self.decoded)

    def run(self, step: str, parameters: Json, collected: list[Outcome] | None = None, name: str = "0") -> Outcome:
        """Runs a step.

        Args:
            parameters: those that are no constants of the spec.
            collected: of the iterations whose artifacts the step is given.
        """
        given = step_tasks(self._spec)[step]["inputs"]["parameters"]
        constants = {key: one["runtimeValue"]["constant"] for key, one in given.items() if "runtimeValue" in one}
        inputs: Json = {"parameterValues": {**constants, **parameters, "publish_directory": "minio://shop/runs"}}
        if collected:
            inputs["artifacts"] = {"slices": {"artifacts": [self._collected(outcome) for outcome in collected]}}
        folder = f"{ARTIFACTS}/{self.id}/{step}/{name}"
        definitions = self._spec["components"][step].get("outputDefinitions", {}).get("artifacts", {})
        artifacts = copy.deepcopy(RECORDING.executor_inputs["plan"][0]["outputs"]["artifacts"])
        artifacts[LOGS]["artifacts"][0]["uri"] = f"{folder}/executor-logs-0"
        for key, one in definitions.items():
            artifacts[key] = {"artifacts": [{"name": key, "uri": f"{folder}/{key}", "type": one["artifactType"]}]}
        output_file = "/" + folder.replace("://", "/") + "/output_metadata.json"
        executor_input = {"inputs": inputs, "outputs": {"artifacts": artifacts, "outputFile": output_file}}
        container = self._spec["deploymentSpec"]["executors"][f"{step}_executor"]["container"]
        return self.launcher.run(container, executor_input, self.id)

    def _collected(self, outcome: Outcome) -> Json:
        """The artifact of an iteration as KFP collects it."""
        (reported,) = outcome.output["artifacts"]["slice"]["artifacts"]
        recorded = copy.deepcopy(RECORDING.executor_inputs["merge"][0]["inputs"]["artifacts"]["parts"]["artifacts"][0])
        recorded["uri"] = reported["uri"]
        session = re.sub(r"[\w-]+\.kubeflow:9000", self._endpoint.removeprefix("http://"), json.dumps(recorded))
        made: Json = json.loads(session)
        made["metadata"] = {**reported["metadata"], **made["metadata"], "display_name": "slice"}
        return made

    def digest(self, outcome: Outcome, folder: Path) -> str:
        """The digest of the dataset that ingestion has stored."""
        uri = outcome.output["artifacts"]["examples"]["artifacts"][0]["uri"]
        self.launcher._download(uri, folder)
        return digest_dataset(str(folder)).digest

    def account(self, outcome: Outcome) -> Json:
        uri = outcome.output["artifacts"]["rejects"]["artifacts"][0]["uri"]
        return dict(json.loads(self.launcher.read(f"{uri}/account.json")))


def _settings(pods: int, with_texts: bool) -> Settings:
    """The recorded settings, with fan-out to some pods if there are any."""
    settings = recorded_settings()
    columns = Columns() if with_texts else Columns(description=None)
    splits = SplitRatios(train=0.5, val=0.25, test=0.25)
    data = settings.data.model_copy(update={"columns": columns, "splits": splits, "processes": 1})
    fan_out = FanOutOptions(pods=pods, from_rows=0) if pods else None
    kubeflow = settings.kubeflow.model_copy(update={"fan_out": fan_out})
    return settings.model_copy(update={"data": data, "kubeflow": kubeflow})


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows, "ROWS_PER_CHUNK", 3)
        yield


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store_endpoint, "candidate_endpoints", lambda: [f"http://{host}:{port}"])
        yield f"http://{host}:{port}"
    server.stop()


def write_table(folder: Path) -> str:
    """A table with a row whose image is missing and one that repeats another one; returns what names it."""
    for number in range(ROWS - 1):
        write_image(folder / f"images/{number}.png", seed=number % (ROWS - 2))
    write_catalogue(
        folder,
        [
            {"image": f"images/{number}.png", "description": "text", "label": "cat" if number % 2 else "dog"}
            for number in range(ROWS)
        ],
    )
    return "/catalogue.csv"


def write_class_folders(folder: Path) -> str:
    for number in range(ROWS):
        write_image(folder / ("cat" if number % 2 else "dog") / f"{number}.png", seed=number)
    return ""


@pytest.fixture
def start(endpoint: str, tmp_path: Path) -> Callable[[int, Callable[[Path], str]], Run]:
    """Starts a run with a number of pods on a catalogue that a function writes."""
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    (tmp_path / "containers").mkdir()
    launcher = Launcher(tmp_path / "containers", endpoint)
    launcher.make_bucket("shop")

    def start(pods: int, write: Callable[[Path], str]) -> Run:
        name = write(tmp_path / "catalogue")
        launcher.upload(tmp_path / "catalogue", "minio://shop/catalogue")
        return Run(pods, f"minio://shop/catalogue{name}", launcher, endpoint)

    return start


Start = Callable[[int, Callable[[Path], str]], Run]


@pytest.mark.promise(
    "On Kubeflow, the dataset does not depend on how many pods decode it, nor on which of them ends first"
)
@pytest.mark.parametrize("write", [write_table, write_class_folders])
def test_any_number_of_pods_gives_the_same_dataset(start: Start, tmp_path: Path, write: Callable[[Path], str]) -> None:
    digests, accounts = set(), []
    for pods in (0, 1, 3, 16):
        run = start(pods, write)
        if pods:
            assert len(run.slices) == pods
            run.decode_all()
        outcome = run.ingest()
        assert outcome.exit_code == 0
        digests.add(run.digest(outcome, tmp_path / f"dataset-{pods}"))
        accounts.append(run.account(outcome))
        if pods:
            assert sum(part["rows"] for part in run.slices) == accounts[-1]["rows"] == ROWS
    assert len(digests) == 1
    assert all(account == accounts[0] for account in accounts)
    assert accounts[0]["rows"] == sum(accounts[0]["examples"].values()) + sum(accounts[0]["rejects"].values())
    assert accounts[0]["rejects"] == ({"duplicate": 1, "missing_file": 1} if write is write_table else {})


def test_another_attempt_at_a_slice_replaces_what_the_first_one_left(start: Start, tmp_path: Path) -> None:
    run = start(3, write_table)
    run.decode_all()
    again = run.decode(run.slices[1])
    uri = again.output["artifacts"]["slice"]["artifacts"][0]["uri"]
    assert uri == run.decoded[1].output["artifacts"]["slice"]["artifacts"][0]["uri"]
    # Whatever order they come in, the rows are those of one attempt.
    run.decoded = run.decoded[::-1]
    outcome = run.ingest()
    assert (outcome.exit_code, run.account(outcome)["rows"]) == (0, ROWS)


def test_a_slice_that_fails_names_itself_and_its_first_row(
    start: Start, endpoint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = start(3, write_table)
    catalogue = run.launcher.read("minio://shop/catalogue/catalogue.csv")
    run.launcher.write("minio://shop/catalogue/catalogue.csv", b"".join(catalogue.splitlines(keepends=True)[:-1]))
    assert run.decode(run.slices[0]).exit_code == 0
    assert run.decode(run.slices[2]).exit_code == 1
    sentence = capfd.readouterr().err.splitlines()[-1]
    assert sentence.startswith(
        "diptych: Decode failed: slice 3 of 3 (15 rows from row 34 of 'catalogue.csv' on): data.catalogue: "
    )
    assert sentence.endswith("the catalogue changed during the run; run again")
    left = run.launcher.keys(f"minio://shop/runs/{run.id}/steps")
    assert left == ["Decode-1.json", "Decode-3.json", "Sources.json"]
    assert "slice 3 of 3" in json.loads(run.launcher.read(f"minio://shop/runs/{run.id}/steps/Decode-3.json"))["failure"]


def test_what_is_no_error_of_ours_is_named_by_its_slice_too(
    start: Start, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the decoder has a bug")

    monkeypatch.setattr(decoded_slices, "decode_slice", fail)
    run = start(2, write_table)
    assert run.decode(run.slices[1]).exit_code == 1
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1] == (
        "diptych: Decode failed: slice 2 of 2 (24 rows from row 25 of 'catalogue.csv' on): "
        "RuntimeError: the decoder has a bug"
    )


def test_a_slice_that_is_missing_or_damaged_fails_ingestion(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    run = start(3, write_table)
    run.decode_all()
    whole = run.decoded
    run.decoded = whole[:2]
    assert run.ingest().exit_code == 1
    assert "slice 3 of 3 (15 rows from row 34 of 'catalogue.csv' on) was not decoded" in capfd.readouterr().err
    run.decoded = whole
    uri = whole[1].output["artifacts"]["slice"]["artifacts"][0]["uri"]
    name = next(key for key in run.launcher.keys(uri) if key.endswith(".tfrecord"))
    records = run.launcher.read(f"{uri}/{name}")
    run.launcher.write(f"{uri}/{name}", records[:-1])
    assert run.ingest().exit_code == 1
    assert (
        f"input 'slices' of ImageTextExampleGen is damaged: '{uri}/{name}' has {len(records) - 1:,} bytes, not "
        f"{len(records):,}; run again without cache, and Decode makes it anew"
    ) in capfd.readouterr().err


def test_a_catalogue_without_rows_is_told_by_sources(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    def write_header(folder: Path) -> str:
        folder.mkdir()
        (folder / "catalogue.csv").write_text("image,description,label\n")
        return "/catalogue.csv"

    assert start(3, write_header).sources.exit_code == 1
    assert "'minio://shop/catalogue/catalogue.csv' has no row" in capfd.readouterr().err
