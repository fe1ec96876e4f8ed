"""``make test-engine``: ingestion and the whole pipeline on Beam's job servers, which start a Flink and a Spark.

pytest does not collect this file by itself: few machines have the jars.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.pipeline.demo.digits import write_digits_catalogue
from diptych.pipeline.options.beam import BeamOptions
from diptych.pipeline.runs.digest import DatasetDigest, digest_dataset
from tests.portable_engine import Service, jar_job_server, job_server, worker_pool

#: Of each engine the jar of Beam's job server; null for the job server in Python.
ENGINES: dict[str, str | None] = json.loads(os.environ["DIPTYCH_ENGINES"])
MASTERS = {"flink": "--flink-master=[local]", "spark": "--spark-master-url=local[2]"}
SETTINGS: dict[str, Any] = {
    "name": "digits",
    "image": {"height": 16, "width": 16},
    "model": {"image": {"backbone": "cnn", "filters": [8], "units": 16}, "text": {"units": 8}},
    "train": {"epochs": 1},
    "evaluate": {"thresholds": {"accuracy": 0.0}},
}


def start(engine: str, log: Path) -> AbstractContextManager[Service]:
    jar = ENGINES[engine]
    return jar_job_server(log, jar, MASTERS[engine]) if jar else job_server(log)


@pytest.fixture(scope="module", params=sorted(ENGINES))
def beam(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The settings of Beam for an engine that runs."""
    folder = tmp_path_factory.mktemp(request.param)
    runner = "spark" if request.param == "spark" else "flink"
    with start(request.param, folder / "jobs.log") as jobs, worker_pool(folder / "pool.log") as pool:
        yield {"runner": runner, "endpoint": jobs.address, "worker_pool": pool.address, "timeout_minutes": 20}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_digits_catalogue(str(tmp_path_factory.mktemp("digits")))


def write_settings(folder: Path, catalogue: str, **changes: Any) -> str:
    path = folder / "diptych.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, "data": {"catalogue": catalogue}, **changes}))
    return str(path)


def ingest(config: str, folder: Path, *beam_arguments: str) -> DatasetDigest:
    command = [sys.executable, "-m", "tests.end_to_end.ingest_only", config, str(folder), *beam_arguments]
    subprocess.run(command, check=True)
    (examples,) = folder.glob("artifacts/*/examples/*")
    return digest_dataset(str(examples))


@pytest.fixture(scope="module")
def expected(catalogue: str, tmp_path_factory: pytest.TempPathFactory) -> DatasetDigest:
    folder = tmp_path_factory.mktemp("expected")
    return ingest(write_settings(folder, catalogue), folder / "run")


@pytest.mark.parametrize("rows_in_memory", [None, 500])
def test_ingestion_writes_the_dataset_of_one_process(
    beam: dict[str, Any], catalogue: str, expected: DatasetDigest, tmp_path: Path, rows_in_memory: int | None
) -> None:
    data = {"catalogue": catalogue, "limits": {"rows_in_memory": rows_in_memory}}
    config = write_settings(tmp_path, catalogue, data=data)
    assert ingest(config, tmp_path / "run", *BeamOptions(**beam).pipeline_args("")) == expected


def test_the_whole_pipeline_ends_with_a_pushed_model(
    beam: dict[str, Any], catalogue: str, expected: DatasetDigest, tmp_path: Path
) -> None:
    config = write_settings(tmp_path, catalogue, beam=beam)
    command = [sys.executable, "-m", "diptych", "run", config, "--output", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["status"] == "succeeded"
    assert digest_dataset(summary["artifacts"]["ImageTextExampleGen"]["examples"]) == expected
    assert summary["pushed"]
