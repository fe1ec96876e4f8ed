"""Ingestion as the pipeline runs it: every row is an example or a reject, and each run writes the same files."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts

from diptych.components.artifact_types import Rejects
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions, Limits
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.storage import write_stream
from diptych.components.engines.errors import EngineError
from diptych.components.example_gen.account import IngestionError
from diptych.components.example_gen.driver import standard_input
from diptych.components.example_gen.executor import ImageTextExampleGenExecutor
from diptych.components.example_gen.ingestion_job import GivenUpError, IngestionJob
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.pipeline.options.beam import BeamOptions
from diptych.pipeline.runs.digest import digest_dataset
from tests.helpers import IN_PROCESS, SMALL, as_file, noise, write_catalogue, write_image
from tests.portable_engine import job_server, worker_pool

GOOD_ROWS = 40
REJECTS = {
    "duplicate": 1,
    "malformed_row": 1,
    "missing_description": 1,
    "missing_file": 1,
    "missing_image": 1,
    "missing_label": 1,
    "outside_root": 1,
    "truncated": 1,
}
SPLITS = {"train": 0.5, "val": 0.25, "test": 0.25}
BEYOND_MEMORY = {"processes": 1, "limits": Limits(rows_in_memory=15)}


def exec_properties(data: DataOptions) -> dict[str, Any]:
    return {
        **standard_input(data.catalogue),
        "data_options": data.model_dump_json(exclude={"catalogue": True}),
        "image_options": SMALL.model_dump_json(),
    }


def run(data: DataOptions, folder: Path, *beam_args: str) -> standard_artifacts.Examples:
    """Runs the executor; its outputs are folder/examples and folder/rejects."""
    examples, rejects = standard_artifacts.Examples(), Rejects()
    examples.uri, rejects.uri = str(folder / "examples"), str(folder / "rejects")
    context = BaseBeamExecutor.Context(beam_pipeline_args=list(beam_args), tmp_dir=str(folder / "tmp"), unique_id="1")
    outputs = {"examples": [examples], "rejects": [rejects]}
    ImageTextExampleGenExecutor(context).Do({}, outputs, exec_properties(data))
    return examples


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def records_of(folder: Path, split: str) -> list[dict[str, Any]]:
    files = sorted(str(path) for path in (folder / "examples" / f"Split-{split}").iterdir())
    spec = features.parsing_spec(features.RECORD_FEATURES)
    return list(tf.data.TFRecordDataset(files).map(lambda record: tf.io.parse_single_example(record, spec)))


def groups_of(folder: Path, split: str) -> set[bytes]:
    return {group for record in records_of(folder, split) for group in record["group"].values.numpy()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataOptions:
    """40 good rows in 20 groups, rows that are rejected for several reasons, and two groups that share an image."""
    folder = tmp_path_factory.mktemp("catalogue")
    rows = []

    def add(image: str, group: str = "", description: str = "some text", label: str = "cat") -> None:
        rows.append({"image": image, "description": description, "label": label, "group": group})

    for number in range(GOOD_ROWS):
        write_image(folder / f"{number}.png", seed=number)
        add(f"{number}.png", f"group {number // 2}", f"text {number}", "cat" if number % 3 else "dog")
    (folder / "broken.png").write_bytes(as_file(noise(0))[:50])
    (folder / "bmp of 0.bmp").write_bytes(as_file(noise(0), "BMP"))
    add("")
    add("absent.png")
    add("../secret.png")
    add("broken.png")
    add("0.png", description=" ")
    add("0.png", label="")
    add("bmp of 0.bmp", "group 19", "text 0", "dog")
    add("1.png", "group 18", "another text for the picture of group 0")
    data = write_catalogue(folder, rows, splits=SPLITS, split_by="group", shards=3)
    with open(data.catalogue, "a", encoding="utf-8") as file:
        file.write("too,few\n")
    return data


@pytest.fixture(scope="module")
def done(data: DataOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run."""
    folder = tmp_path_factory.mktemp("run")
    run(data, folder)
    return folder


def test_every_row_is_accounted_for(done: Path) -> None:
    account = json.loads((done / "rejects" / "account.json").read_text())
    assert account["rows"] == GOOD_ROWS + 9
    assert account["rejects"] == REJECTS
    assert account["examples"] == {split: len(records_of(done, split)) for split in features.SPLITS}
    assert account["rows"] == sum(account["examples"].values()) + sum(account["rejects"].values())
    assert ImageOptions.model_validate(account["image"]) == SMALL
    assert account["task"] == "multiclass"


def test_rejects_are_listed_in_the_order_of_the_catalogue(done: Path) -> None:
    lines = [json.loads(line) for line in (done / "rejects" / "rejects.jsonl").read_text().splitlines()]
    numbers = [line["row"] for line in lines]
    assert numbers == sorted(numbers)
    assert Counter(line["reason"] for line in lines) == REJECTS
    (duplicate,) = (line for line in lines if line["reason"] == "duplicate")
    assert duplicate == {
        "source": "catalogue.csv",
        "row": 47,
        "id": "bmp of 0.bmp",
        "image": "bmp of 0.bmp",
        "reason": "duplicate",
        "detail": "repeats row 1",
    }


def test_records_hold_to_the_contract(done: Path) -> None:
    records = [record for split in features.SPLITS for record in records_of(done, split)]
    assert {len(record["image"].numpy()) for record in records} == {SMALL.height * SMALL.width * 3}
    (row_1,) = (record for record in records if record["id"] == b"0.png")
    assert (row_1["description"], row_1["label"]) == (b"text 0", b"dog")
    assert (row_1["image/width"], row_1["image/height"], row_1["image/format"]) == (14, 12, b"PNG")


def test_groups_stay_whole_and_a_shared_picture_joins_two(done: Path) -> None:
    train, val, test = (groups_of(done, split) for split in features.SPLITS)
    assert len(train | val | test) == 20
    assert not (train & val or train & test or val & test)
    # Rows 2 and 48 share a picture: groups 0 and 18 are one.
    assert any({b"group 0", b"group 18"} <= split for split in (train, val, test))


def test_files_are_uncompressed_shards_and_nothing_else(done: Path) -> None:
    names = sorted(files_of(done / "examples"))
    assert all(name.startswith("Split-") and name.endswith("-of-00003.tfrecord") for name in names)
    assert {name.split("/")[0] for name in names} == {f"Split-{split}" for split in features.SPLITS}


def test_labels_are_counted_by_split(done: Path) -> None:
    account = json.loads((done / "rejects" / "account.json").read_text())
    found: dict[str, dict[str, int]] = {label: dict.fromkeys(features.SPLITS, 0) for label in ("cat", "dog")}
    for split in features.SPLITS:
        for record in records_of(done, split):
            found[record["label"].numpy().decode()][split] += 1
    assert account["labels"] == found


@pytest.mark.parametrize(
    ("changes", "beam_args"),
    [
        ({}, ()),
        ({"processes": 1}, ()),
        ({"processes": 1}, (IN_PROCESS, "--direct_num_workers=2", "--direct_running_mode=multi_threading")),
        ({"processes": 1}, (IN_PROCESS, "--direct_num_workers=2", "--direct_running_mode=multi_processing")),
        (BEYOND_MEMORY, ()),
        (BEYOND_MEMORY, (IN_PROCESS, "--direct_num_workers=2", "--direct_running_mode=multi_threading")),
    ],
    ids=["again", "one process", "two threads", "two workers over gRPC", "with files", "with files, two threads"],
)
def test_every_run_writes_the_same_bytes(
    data: DataOptions,
    done: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    beam_args: tuple[str, ...],
) -> None:
    """Neither the number of workers nor the size of chunks matters, nor whether memory holds an entry for each row."""
    if beam_args:
        monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 7)
    run(data.model_copy(update=changes), tmp_path, *beam_args)
    for output in ("examples", "rejects"):
        assert files_of(tmp_path / output) == files_of(done / output)


def test_files_that_take_too_much_of_the_disk_are_refused(data: DataOptions, tmp_path: Path) -> None:
    limits = Limits(rows_in_memory=15, scratch_gb=1e-6)
    with pytest.raises(
        CatalogueError, match=r"data\.limits\.scratch_gb: .* 42 records, .*data\.limits\.rows_in_memory"
    ):
        run(data.model_copy(update={"limits": limits, "processes": 1}), tmp_path)
    assert not files_of(tmp_path / "examples")


def test_gzip_changes_the_files_and_no_record(data: DataOptions, done: Path, tmp_path: Path) -> None:
    run(data.model_copy(update={"compression": "gzip"}), tmp_path)
    names = sorted(files_of(tmp_path / "examples"))
    assert all(name.endswith("-of-00003.tfrecord.gz") for name in names)
    assert digest_dataset(str(tmp_path / "examples")) == digest_dataset(str(done / "examples"))


def test_the_artifact_names_its_splits(tmp_path: Path, data: DataOptions) -> None:
    whole = data.model_copy(update={"split_by": None, "shards": None})
    examples = run(whole, tmp_path)
    assert artifact_utils.decode_split_names(examples.split_names) == list(features.SPLITS)
    assert all(len(records_of(tmp_path, split)) for split in features.SPLITS)
    assert not any(groups_of(tmp_path, split) for split in features.SPLITS)


def test_rows_of_several_labels_are_ingested_whole(tmp_path: Path) -> None:
    """A record has each label once, sorted; a row with the same labels in another order is a duplicate."""
    rows = []
    for number in range(30):
        write_image(tmp_path / f"{number}.png", seed=number)
        label = "; ".join(("b", "a", "b")[: 1 + number % 3]) if number else "; "
        rows.append({"image": f"{number}.png", "description": "t", "label": label})
    rows.append({"image": "1.png", "description": "t", "label": "a;b"})
    run(write_catalogue(tmp_path, rows, label_separator=";", splits=SPLITS), tmp_path / "run")
    account = json.loads((tmp_path / "run" / "rejects" / "account.json").read_text())
    assert account["rejects"] == {"duplicate": 1, "missing_label": 1}
    assert account["task"] == "multilabel"
    found: dict[str, dict[str, int]] = {label: dict.fromkeys(features.SPLITS, 0) for label in ("a", "b")}
    for split in features.SPLITS:
        files = sorted(str(path) for path in (tmp_path / "run" / "examples" / f"Split-{split}").iterdir())
        for record in tf.data.TFRecordDataset(files).as_numpy_iterator():
            by_name = tf.train.Example.FromString(record).features.feature
            labels = [label.decode() for label in by_name[features.LABEL].bytes_list.value]
            number = int(by_name[features.ID].bytes_list.value[0].split(b".")[0])
            assert labels == (["a", "b"] if number % 3 else ["b"])
            for label in labels:
                found[label][split] += 1
    assert account["labels"] == found


def test_a_driver_that_gives_up_leaves_no_work_files(data: DataOptions, tmp_path: Path) -> None:
    """Though Beam's job server in Python lets the workers of a cancelled job go on, which are still starting here."""
    log = tmp_path / "jobs.log"
    with job_server(log) as jobs, worker_pool(tmp_path / "pool.log") as pool:
        options = BeamOptions(
            runner="flink", endpoint=jobs.address, worker_pool=pool.address, timeout_minutes=0.02
        ).pipeline_args("")
        with pytest.raises(EngineError, match=r"^beam\.timeout_minutes: "):
            run(data, tmp_path, *options)
        assert files_of(tmp_path / "examples") == {}
        while "GivenUpError" not in log.read_text():
            time.sleep(0.1)
    assert files_of(tmp_path / "examples") == {}
    assert not (tmp_path / "examples" / ".ingestion").exists()


def test_a_worker_that_is_at_work_when_the_driver_gives_up_leaves_no_work_files(
    data: DataOptions, tmp_path: Path
) -> None:
    job = IngestionJob(Catalogue.open(data), SMALL, str(tmp_path / "examples"), str(tmp_path / "rejects"))
    with ExitStack() as driver:
        driver.enter_context(job.work_files())
        with pytest.raises(GivenUpError), job.wanted():
            driver.close()
            with write_stream(f"{job.work_uri}/chunk") as file:
                file.write(b"records")
    assert files_of(tmp_path) == {}


def test_an_empty_split_stops_the_run(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", seed=1)
    data = write_catalogue(tmp_path, [{"image": "a.png", "description": "t", "label": "c"}])
    with pytest.raises(IngestionError, match="no example in split .*of 1 row, "):
        run(data, tmp_path)


def test_rejects_alone_stop_the_run_and_are_written_down(tmp_path: Path) -> None:
    data = write_catalogue(tmp_path, [{"image": "absent.png", "description": "t", "label": "c"}] * 3)
    with pytest.raises(IngestionError, match="{'missing_file': 3}"):
        run(data, tmp_path)
    assert len((tmp_path / "rejects" / "rejects.jsonl").read_text().splitlines()) == 3


def test_a_catalogue_without_rows_is_told(tmp_path: Path) -> None:
    data = write_catalogue(tmp_path, [{"image": "a.png", "description": "t", "label": "c"}])
    Path(data.catalogue).write_text("image,description,label\n")
    with pytest.raises(CatalogueError, match="has no row"):
        run(data, tmp_path)
