"""A pipeline, compiled once for KFP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.models.errors import OK
from diptych.pipeline.cli.main import main
from tests.kubeflow.compiled import CONFIG, tasks_of


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalogue and its ``diptych.yaml``."""
    folder = tmp_path_factory.mktemp("compile")
    (folder / "catalogue.csv").write_text("image,description,label\n")
    (folder / "diptych.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="session")
def spec_file(folder: Path) -> Path:
    """What ``diptych compile`` writes."""
    output = folder / "shop.yaml"
    assert main(["compile", str(folder / "diptych.yaml"), "--output", str(output)]) == OK
    return output


@pytest.fixture(scope="session")
def documents(spec_file: Path) -> list[dict[str, Any]]:
    """The pipeline spec and the platform spec."""
    return list(yaml.safe_load_all(spec_file.read_text()))


@pytest.fixture(scope="session")
def spec(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return documents[0]


@pytest.fixture(scope="session")
def tasks(spec: dict[str, Any]) -> dict[str, Any]:
    return tasks_of(spec)
