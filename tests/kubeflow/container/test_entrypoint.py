"""A step's container: paths for URIs and back, parameters in their places, errors that help."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from diptych.kubeflow.container import entrypoint, store
from diptych.kubeflow.container.entrypoint import ROOT_VARIABLE, StepError, Task, main
from diptych.kubeflow.container.store import StoreError

RUN = "minio://bucket/kept/shop/run-7"
EXAMPLES = "title: tfx.Examples\ntype: object\n"


def executor_input(root: Path, step: str = "Trainer", **changes: Any) -> dict[str, Any]:
    """As KFP's driver makes it for a step with one input, one output and a few parameters."""
    artifact = {"name": "12", "uri": f"{RUN}/ImageTextExampleGen/s/examples", "type": {"instanceSchema": EXAMPLES}}
    output = {"name": "model", "uri": f"{RUN}/{step}/s/model", "type": {"instanceSchema": "title: tfx.Model\n"}}
    return {
        "inputs": {"artifacts": {"examples": {"artifacts": [artifact]}}, "parameterValues": {"epochs": 3}},
        "outputs": {
            "artifacts": {"model": {"artifacts": [output]}},
            "outputFile": str(root / f"minio/bucket/kept/shop/run-7/{step}/s/output_metadata.json"),
        },
        **changes,
    }


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    monkeypatch.delenv(store.STORES_VARIABLE, raising=False)
    return tmp_path


def task_of(given: dict[str, Any], step: str = "Trainer", artifacts: str = "mirrored") -> Task:
    return Task(artifacts, step, json.dumps(given))


def test_artifacts_get_the_paths_of_their_mirrors(root: Path) -> None:
    mirrored = root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples"
    mirrored.mkdir(parents=True)
    task = task_of(executor_input(root))
    task.map_artifacts()
    assert task.input.inputs.artifacts["examples"].artifacts[0].uri == str(mirrored)
    model = task.input.outputs.artifacts["model"].artifacts[0].uri
    assert model == str(root / "minio/bucket/kept/shop/run-7/Trainer/s/model")
    assert Path(model).is_dir()
    assert task.original(f"see {model}/x") == f"see {RUN}/Trainer/s/model/x"
    assert task.run == "run-7"


def test_a_missing_input_is_named(root: Path) -> None:
    with pytest.raises(StepError, match=rf"input 'examples' \({RUN}/ImageTextExampleGen/s/examples\) is not at"):
        task_of(executor_input(root)).map_artifacts()


def test_what_an_earlier_attempt_left_is_removed(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    stale = root / "minio/bucket/kept/shop/run-7/Trainer/s/model/stale"
    stale.mkdir(parents=True)
    task_of(executor_input(root)).map_artifacts()
    assert not stale.exists()


def test_an_output_that_cannot_be_written_is_named(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    # A file where a folder is needed refuses everyone, root too.
    (root / "minio/bucket/kept/shop/run-7/Trainer").write_text("")
    with pytest.raises(StepError, match=rf"output 'model' \({RUN}/Trainer/s/model\) cannot be written"):
        task_of(executor_input(root)).map_artifacts()


def test_an_unknown_scheme_is_refused(root: Path) -> None:
    given = executor_input(root)
    given["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"] = "oci://registry/model"
    given["inputs"]["artifacts"] = {}
    with pytest.raises(StoreError, match="unknown scheme 'oci://'"):
        task_of(given).map_artifacts()


def test_without_mirrors_gs_stays_and_nothing_else_is_taken(root: Path) -> None:
    task = task_of(executor_input(root), artifacts="native")
    assert task.is_native("gs://bucket/x")
    assert not task.is_native("minio://bucket/x")
    with pytest.raises(StepError, match="without mirrors, artifacts are at gs:// only"):
        task.map_artifacts()


def test_vertexs_run_is_found_in_its_output_file(root: Path) -> None:
    given = executor_input(root)
    given["outputs"]["outputFile"] = "gs://b/kept/4711/shop-2026/Trainer_-99/executor_output.json"
    assert task_of(given, artifacts="native").run == "shop-2026"


def test_runtime_parameters_go_to_their_places(root: Path) -> None:
    options = json.dumps({"epochs": 30, "seed": 1})
    given = executor_input(root)
    given["inputs"]["parameterValues"]["custom_config"] = json.dumps({"train_options": options, "code": "x"})
    task = task_of(given)
    entrypoint._set_json(task, ["custom_config", "train_options", "epochs"], int(task.take("epochs")))
    config = json.loads(task.parameters["custom_config"].string_value)
    assert json.loads(config["train_options"]) == {"epochs": 3, "seed": 1}
    assert "epochs" not in task.parameters
    with pytest.raises(StepError, match="compile the pipeline again"):
        entrypoint._set_json(task, ["custom_config", "absent", "epochs"], 1)


def test_training_is_told_where_the_last_blessed_model_lies(root: Path) -> None:
    given = executor_input(root)
    config = {"train_options": json.dumps({"epochs": 30}), "push_directory": "minio://compiled/elsewhere"}
    given["inputs"]["parameterValues"] |= {"custom_config": json.dumps(config), "push_directory": str(root / "pushed")}
    task = task_of(given)
    with ExitStack() as stack:
        entrypoint._adapt(task, stack)
    assert json.loads(task.parameters["custom_config"].string_value)["push_directory"] == str(root / "pushed")
    assert "push_directory" not in task.parameters


def test_the_output_has_uris_again(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    task = task_of(executor_input(root))
    task.map_artifacts()
    path = task.input.outputs.artifacts["model"].artifacts[0].uri
    artifact = {"uri": path, "metadata": {"pushed_destination": f"{path}/1", "n": 2}}
    task.write_output({"artifacts": {"model": {"artifacts": [artifact]}}})
    restored = task.restore_output()["artifacts"]["model"]["artifacts"][0]
    assert restored == {
        "uri": f"{RUN}/Trainer/s/model",
        "metadata": {"pushed_destination": f"{RUN}/Trainer/s/model/1", "n": 2},
    }


def test_a_curated_schema_reaches_tfxs_executor(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way of a step: paths, TFX's own executor, URIs again, and the note for the summary."""
    monkeypatch.setenv(store.STORES_VARIABLE, str(root / "stores"))
    text = 'feature { name: "label" type: BYTES }\n'
    uri = f"{RUN}/ImportSchemaGen/s/schema"
    output_file = root / "minio/bucket/kept/shop/run-7/ImportSchemaGen/s/output_metadata.json"
    output_file.parent.mkdir(parents=True)
    output_file.write_text('{"parameterValues": {"schema_file": "of an attempt before"}}')
    schema = {"name": "schema", "uri": uri, "type": {"instanceSchema": "title: tfx.Schema\n"}}
    parameters = {"schema_file": "schema.pbtxt", "schema_text": text, "publish_directory": "minio://bucket/runs"}
    given = {
        "inputs": {"parameterValues": parameters},
        "outputs": {"artifacts": {"schema": {"artifacts": [schema]}}, "outputFile": str(output_file)},
    }
    executor = "tfx.components.schema_gen.import_schema_gen.executor.Executor"
    types = {"parameters": {"schema_file": {"parameterType": "STRING"}}}
    step = ["step", "--artifacts=mirrored", "--step=ImportSchemaGen", "--executor_class_path", executor]
    inputs = ["--json_serialized_invocation_args", json.dumps(given)]
    assert main([*step, *inputs, "--json_serialized_inputs_spec_args", json.dumps(types)]) == 0
    assert (root / "minio/bucket/kept/shop/run-7/ImportSchemaGen/s/schema/schema.pbtxt").read_text() == text
    assert json.loads(output_file.read_text())["artifacts"]["schema"]["artifacts"][0]["uri"] == uri
    note = json.loads((root / "stores/minio/bucket/runs/run-7/steps/ImportSchemaGen.json").read_text())
    assert note["artifacts"] == {"schema": uri}
    assert note["failure"] is None


def sources(root: Path, catalogue: str, **options: Any) -> dict[str, Any]:
    """What Sources finds."""
    parameters = {"catalogue": catalogue, "span": -1, "data_options": json.dumps(options)}
    output_file = root / "minio/bucket/kept/shop/run-7/Sources/s/output_metadata.json"
    given = {"inputs": {"parameterValues": parameters}, "outputs": {"outputFile": str(output_file)}}
    arguments = ["sources", "--artifacts=mirrored", "--step=Sources", "--json_serialized_invocation_args"]
    assert main([*arguments, json.dumps(given)]) == 0
    return dict(json.loads(output_file.read_text())["parameterValues"])


@pytest.fixture
def stores(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mounted."""
    monkeypatch.setenv(store.STORES_VARIABLE, str(root / "stores"))
    return root / "stores"


@pytest.fixture
def copied_stores(stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Not mounted: folders come as copies, which begin with what they are copied from."""

    @contextmanager
    def local_copy(uri: str) -> Iterator[str]:
        with TemporaryDirectory() as scratch:
            store.download(uri, scratch)
            yield scratch

    monkeypatch.setattr(store, "local_copy", local_copy)
    return stores


def write_catalogue(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "catalogue.csv").write_text("image,description,label\na.png,text,x\n")
    (folder / "a.png").write_bytes(b"one")


def test_sources_digests_every_image(root: Path, stores: Path) -> None:
    write_catalogue(stores / "minio/bucket/cat/7")
    uri = "minio://bucket/cat/{SPAN}/catalogue.csv"
    first = sources(root, uri)
    assert (first["catalogue"], first["span"]) == ("minio://bucket/cat/7/catalogue.csv", 7)
    assert first["version"] == entrypoint.NO_VERSION
    assert sources(root, uri) == first
    (stores / "minio/bucket/cat/7/a.png").write_bytes(b"two")
    assert sources(root, uri)["digest"] != first["digest"]


def test_sources_finds_span_and_version(root: Path, stores: Path) -> None:
    write_catalogue(stores / "minio/bucket/7-2")
    found = sources(root, "minio://bucket/{SPAN}-{VERSION}/catalogue.csv")
    assert (found["catalogue"], found["span"], found["version"]) == ("minio://bucket/7-2/catalogue.csv", 7, 2)


@pytest.mark.parametrize("uri", ["minio://bucket/cat/", "minio://bucket/cat", "minio://bucket/c*/*.csv"])
def test_a_catalogue_of_many_files_is_digested_wherever_it_is_copied_to(
    root: Path, copied_stores: Path, uri: str
) -> None:
    folder = copied_stores / "minio/bucket/cat"
    write_catalogue(folder)
    first = sources(root, uri)
    assert first["catalogue"] == uri
    assert sources(root, uri)["digest"] == first["digest"]
    (folder / "b.csv").write_text("image,description,label\na.png,other,y\n")
    (folder / "b.png").write_bytes(b"another")
    assert sources(root, uri)["digest"] != first["digest"]


def test_images_elsewhere_in_the_store_are_digested(root: Path, stores: Path) -> None:
    write_catalogue(stores / "minio/bucket/cat")
    images = stores / "s3/photos/all"
    images.mkdir(parents=True)
    uri = "minio://bucket/cat/catalogue.csv"
    first = sources(root, uri, images_root="s3://photos/all")
    (images / "a.png").write_bytes(b"one")
    assert sources(root, uri, images_root="s3://photos/all")["digest"] != first["digest"]


def ingestion(root: Path, catalogue: str, **changes: Any) -> Task:
    """The step ImageTextExampleGen, as Sources and the compiler give it its parameters."""
    found = {"catalogue": catalogue, "span": 7, "version": 2, "digest": "d", **changes}
    examples = {"name": "examples", "uri": f"{RUN}/ImageTextExampleGen/s/examples"}
    given = {
        "inputs": {"parameterValues": {**found, "data_options": "{}"}},
        "outputs": {"artifacts": {"examples": {"artifacts": [examples]}}},
    }
    return task_of(given, "ImageTextExampleGen")


def brought(task: Task) -> str:
    """The catalogue as the executor is told of it."""
    from diptych.components.example_gen.executor import data_options

    names = ("input_base", "input_config", "data_options")
    return data_options({name: task.parameters[name].string_value for name in names}).catalogue


@pytest.mark.parametrize("uri", ["minio://bucket/cat/", "minio://bucket/cat"])
def test_a_folder_is_brought_without_what_lies_beside_it(root: Path, copied_stores: Path, uri: str) -> None:
    write_catalogue(copied_stores / "minio/bucket/cat")
    write_catalogue(copied_stores / "minio/bucket/other")
    task = ingestion(root, uri)
    with ExitStack() as stack:
        entrypoint._resolve_input(task, stack, task.take("catalogue"))
        folder = brought(task)
        assert sorted(os.listdir(folder)) == ["a.png", "catalogue.csv"]
        assert task.original(f"{folder}a.png") == "minio://bucket/cat/a.png"
    assert not os.path.exists(folder)


def test_a_pattern_brings_the_folder_before_it(root: Path, copied_stores: Path) -> None:
    for span in ("1", "2"):
        write_catalogue(copied_stores / f"minio/bucket/cat/{span}")
    task = ingestion(root, "minio://bucket/cat/*/*.csv")
    with ExitStack() as stack:
        entrypoint._resolve_input(task, stack, task.take("catalogue"))
        pattern = brought(task)
        assert pattern.endswith("/*/*.csv")
        assert len(glob.glob(pattern)) == 2
        assert task.original(pattern) == "minio://bucket/cat/*/*.csv"


def test_a_web_servers_catalogue_is_read_where_it_is(root: Path) -> None:
    task = ingestion(root, "https://example.com/cat/catalogue.csv")
    with ExitStack() as stack:
        entrypoint._resolve_input(task, stack, task.take("catalogue"))
    assert brought(task) == "https://example.com/cat/catalogue.csv"


@pytest.mark.parametrize(("version", "known"), [(2, {"span": 7, "version": 2}), (-1, {"span": 7})])
def test_span_and_version_are_kept_with_the_examples(
    root: Path, stores: Path, version: int, known: dict[str, int]
) -> None:
    write_catalogue(stores / "minio/bucket")
    task = ingestion(root, "minio://bucket/catalogue.csv", version=version)
    with ExitStack() as stack:
        entrypoint._resolve_input(task, stack, task.take("catalogue"))
    metadata = dict(task.input.outputs.artifacts["examples"].artifacts[0].metadata)
    assert metadata == {"input_fingerprint": "d", **known}
    numbers = {name: task.parameters[name].number_value for name in ("span", "version") if name in task.parameters}
    assert numbers == known


def test_without_mirrors_no_catalogue_is_copied(root: Path) -> None:
    task = task_of(executor_input(root), artifacts="native")
    with ExitStack() as stack:
        assert entrypoint._bring_catalogue(task, stack, "gs://bucket/photos/") == "gs://bucket/photos/"
        with pytest.raises(StepError, match="gs:// or https:// only"):
            entrypoint._bring_catalogue(task, stack, "minio://bucket/catalogue.csv")


def test_processes_that_decode_need_not_load_much() -> None:
    """They import the main module again."""
    heavy = ["tensorflow", "tfx", "apache_beam", "kfp", "google.protobuf", "pyarrow", "rich"]
    code = (
        f"import sys, diptych.kubeflow.container.entrypoint; print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no json", "is no ExecutorInput"),
        (
            json.dumps({"inputs": {"parameterValues": {"catalogue": "ftp://x/y.csv", "data_options": "{}"}}}),
            "unknown scheme 'ftp://'",
        ),
        (
            json.dumps({"inputs": {"parameterValues": {"catalogue": "/absent/y.csv", "data_options": "{}"}}}),
            "there is no '/absent' in the step's container: name the catalogue by a URI",
        ),
    ],
)
def test_errors_are_one_line_and_an_exit_code(given: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sources", "--artifacts=mirrored", "--step=Sources", "--json_serialized_invocation_args", given]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("diptych: Sources failed: ")
    assert message in error
    assert "Traceback" not in error
