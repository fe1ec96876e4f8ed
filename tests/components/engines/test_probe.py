"""The job of ``diptych doctor``: what a worker finds is said where it was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.components.engines.errors import EngineError
from diptych.components.engines.probe import look_around, probe_engine

DIRECT = ["--runner=FnApiRunner"]


def test_a_worker_writes_and_reads_a_file_and_leaves_none(tmp_path: Path) -> None:
    probe_engine(DIRECT, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_workers_do_not_reach_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match=r"^kubeflow\.pipeline_root: workers cannot write .* below '.*/file' \("):
        probe_engine(DIRECT, str(tmp_path / "file"))


@pytest.mark.parametrize("name", ["python", "apache-beam", "unknown"])
def test_workers_of_other_versions_are_named(name: str) -> None:
    with pytest.raises(EngineError, match=rf"^beam\.worker_pool: workers have {name} .*, and here is 0\.1;"):
        look_around(0, {name: "0.1"}, None)
