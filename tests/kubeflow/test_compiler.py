"""What ``diptych compile`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import OK, USAGE, main


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compile")
    (folder / "catalogue.csv").write_text("image,description,label\n")
    (folder / "diptych.yaml").write_text("name: shop\ndata: {catalogue: catalogue.csv}\n")
    output = folder / "shop.yaml"
    assert main(["compile", str(folder / "diptych.yaml"), "--output", str(output)]) == OK
    return output


@pytest.fixture(scope="module")
def spec(spec_file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(spec_file.read_text()))


def test_kfps_own_loader_takes_it(spec_file: Path) -> None:
    from kfp import components

    assert components.load_component_from_file(str(spec_file)).name == "shop"


def test_the_schema_version_is_the_one_open_source_kfp_takes(spec: dict[str, Any]) -> None:
    assert spec["schemaVersion"] == "2.1.0"


def test_no_node_is_a_resolver_or_an_importer(spec: dict[str, Any]) -> None:
    executors = spec["deploymentSpec"]["executors"].values()
    assert all(set(executor) <= {"container"} for executor in executors)
    assert not any("resolver" in name.lower() for name in spec["root"]["dag"]["tasks"])


def test_training_waits_for_the_gate(spec: dict[str, Any]) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    assert "DataGate" in tasks["Transform"]["dependentTasks"]
    assert "DataGate" in tasks["LinearBaseline"]["dependentTasks"]
    assert "Transform" in tasks["Trainer"]["dependentTasks"]


def test_custom_artifact_types_can_be_imported_by_their_titles(spec: dict[str, Any]) -> None:
    from tfx.utils import import_utils

    outputs = spec["components"]["ImageTextExampleGen"]["outputDefinitions"]["artifacts"]
    title = yaml.safe_load(outputs["rejects"]["artifactType"]["instanceSchema"])["title"]
    assert title == import_utils.import_class_by_path(title).TYPE_NAME


def test_another_ending_is_refused(spec_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(spec_file.parent / "diptych.yaml")
    assert main(["compile", config, "--output", "shop.json"]) == USAGE
    assert ".yaml" in capsys.readouterr().err
