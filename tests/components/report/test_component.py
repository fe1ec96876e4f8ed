"""The component Report writes one page, the same for the same artifacts."""

from __future__ import annotations

import json
from pathlib import Path

from diptych.components.report.data_collection import ARTIFACT_NAMES
from tests.components.report.report_fixtures import write_artifacts


def test_the_executor_writes_the_same_page_again(tmp_path: Path) -> None:
    from diptych.components.artifact_types import Report
    from diptych.components.report.component import ReportSpec
    from diptych.components.report.executor import ReportExecutor

    inputs = {}
    for name, uri in write_artifacts(tmp_path / "run").items():
        inputs[name] = [ReportSpec.INPUTS[name].type()]
        inputs[name][0].uri = uri
    properties = {"title": "T", "images_root": "", "upstream": json.dumps({"Gate": ["Gen"]}), "producers": "{}"}
    properties["settings"] = json.dumps({"train.epochs": ["6", "null"]})
    pages = []
    for name in ("first", "second"):
        report = Report()
        report.uri = str(tmp_path / name)
        ReportExecutor().Do(inputs, {"report": [report]}, properties)
        pages.append((tmp_path / name / "report.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    assert ">Gate</text>" in pages[0]
    assert "ExampleStatistics" in pages[0]


def test_what_the_report_is_told_is_part_of_its_cache_key() -> None:
    from tfx import types

    from diptych.components.report.component import Report, ReportSpec

    channels = {name: types.Channel(type=parameter.type) for name, parameter in ReportSpec.INPUTS.items()}
    settings = {"train.epochs": ("6", "null")}
    component = Report(
        channels, title="Demo", images_root="/images", upstream={"b": ["a"]}, settings=settings, code="abc"
    )
    properties = component.exec_properties
    assert (properties["title"], properties["images_root"], properties["code"]) == ("Demo", "/images", "abc")
    assert json.loads(properties["upstream"]) == {"b": ["a"]}
    assert set(json.loads(properties["producers"])) == set(ARTIFACT_NAMES) == set(channels)
    assert component.outputs["report"].type.TYPE_NAME == "diptych.Report"


def test_the_artifact_type_can_be_imported_by_its_name() -> None:
    import diptych
    from diptych.components.artifact_types import Report

    assert diptych.Report is Report
