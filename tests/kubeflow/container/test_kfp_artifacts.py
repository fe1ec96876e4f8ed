"""What the step Report puts out is what the front end of Kubeflow Pipelines draws.

The expectations are those of its source: ``frontend/src/components/viewers/MetricsVisualizations.tsx`` in
github.com/kubeflow/pipelines at 7b70c7b (August 2026); line numbers are of that file unless another one is named.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.components.artifacts import (
    ACCOUNT_FILE,
    CONFUSION_FILE,
    DECISION_FILE,
    METRICS_FILE,
    REPORT_FILE,
    write_json,
)
from diptych.kubeflow.container.kfp_artifacts import adapt_report, confusion_metadata, metrics_metadata
from tests.conformance.recordings import Recording
from tests.kubeflow.container.steps import make_task

RUN = "minio://bucket/kept/shop/run-7"
CONFUSED = {"cat": {"cat": 5, "dog": 2}, "dog": {"dog": 3}, "": {"cat": 1}}


def write_inputs(root: Path, confusion: dict[str, dict[str, int]]) -> None:
    """Writes what the step reads into the mirrors of its inputs."""
    folder = root / "minio/bucket/kept/shop/run-7"
    write_json(str(folder / "rejects"), ACCOUNT_FILE, {"rows": 12, "examples": {"test": 11}, "rejects": {"broken": 1}})
    baseline = {"text": {"accuracy": 0.5, "macro_f1": 0.25, "examples": 11.0}}
    write_json(str(folder / "linear_baseline"), METRICS_FILE, baseline)
    metrics = {"accuracy": 0.75, "macro_f1": 0.5, "micro_f1": 0.75, "examples": 11.0}
    write_json(str(folder / "evaluation"), DECISION_FILE, {"metrics": metrics, "blessed": True, "reasons": []})
    write_json(str(folder / "evaluation"), CONFUSION_FILE, confusion)


def run_report(root: Path, confusion: dict[str, dict[str, int]] = CONFUSED) -> dict[str, Any]:
    """The step's ExecutorOutput, by output."""
    write_inputs(root, confusion)
    output_file = root / "minio/bucket/kept/shop/run-7/Report/output_metadata.json"
    task = make_task(
        {
            "inputs": {
                "artifacts": {
                    name: {"artifacts": [{"name": "1", "uri": f"{RUN}/{name}", "type": {"instanceSchema": ""}}]}
                    for name in ("rejects", "linear_baseline", "evaluation")
                }
            },
            "outputs": {
                "artifacts": {"report": {"artifacts": [{"name": "report", "uri": f"{RUN}/Report/report"}]}},
                "outputFile": str(output_file),
            },
        },
        "Report",
    )
    task.map_artifacts()
    with adapt_report(task):
        # As TFX's executor leaves it.
        path = task.executor_input.outputs.artifacts["report"].artifacts[0].uri
        task.write_output({"artifacts": {"report": {"artifacts": [{"name": "report", "uri": path}]}}})
    output = task.restore_output_uris()
    assert output == json.loads(output_file.read_text())
    return {name: found["artifacts"][0] for name, found in output["artifacts"].items()}


def as_mlmd(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata as the launcher records it: a struct or a list one level deeper.

    StructValueToMLMDValue in backend/src/v2/metadata/converter.go.
    """
    kinds = {dict: "struct", list: "list"}
    return {key: {kinds[type(value)]: value} if type(value) in kinds else value for key, value in metadata.items()}


def test_the_page_is_the_file_at_the_uri(root: Path) -> None:
    """getHtmlViewerConfig (844 to 870) reads the URI as one object and shows its text."""
    output = run_report(root)
    assert output["report"]["uri"] == f"{RUN}/Report/report"
    assert output["html"]["uri"] == f"{RUN}/Report/report/{REPORT_FILE}"
    assert output["html"]["type"] == {"schemaTitle": "system.HTML"}


def test_every_metric_is_a_line(root: Path) -> None:
    """ScalarMetricsSection (798 to 829) draws a line for each custom property but ``display_name``."""
    metrics = run_report(root)["metrics"]
    assert metrics["type"] == {"schemaTitle": "system.Metrics"}
    assert metrics["metadata"] == {
        "accuracy": 0.75,
        "macro_f1": 0.5,
        "micro_f1": 0.75,
        "text_baseline_accuracy": 0.5,
        "text_baseline_macro_f1": 0.25,
        "rows": 12.0,
        "rejects": 1.0,
    }


def test_the_confusion_matrix_is_drawn_with_actual_labels_as_rows(root: Path) -> None:
    """``validateConfusionMatrix`` (756 to 780) reads ``struct``; the axes are 'True label', 'Predicted label' (788).

    ConfusionMatrix.tsx, 178 to 182, draws ``rows[i].row[j]`` at i on the first axis and j on the second.
    """
    artifact = run_report(root)["confusion_matrix"]
    assert artifact["type"] == {"schemaTitle": "system.ClassificationMetrics"}
    drawn = as_mlmd(artifact["metadata"])["confusionMatrix"]["struct"]
    labels = [annotation["displayName"] for annotation in drawn["annotationSpecs"]]
    assert labels == ["(not in train)", "cat", "dog"]
    assert [row["row"] for row in drawn["rows"]] == [[0, 1, 0], [0, 5, 2], [0, 0, 3]]
    true_label, predicted = labels.index("cat"), labels.index("dog")
    assert drawn["rows"][true_label]["row"][predicted] == CONFUSED["cat"]["dog"]


def test_a_multilabel_model_has_no_matrix(root: Path) -> None:
    """An artifact without either property is left out of the page (getVerifiedClassificationMetricsArtifacts, 263)."""
    assert run_report(root, {})["confusion_matrix"]["metadata"] == {}


def test_of_many_labels_those_with_errors_are_shown() -> None:
    labels = [f"label {number:03}" for number in range(500)]
    counts = {label: {label: 10} for label in labels} | {"label 499": {"label 000": 1}}
    drawn = confusion_metadata(counts)["confusionMatrix"]
    assert [annotation["displayName"] for annotation in drawn["annotationSpecs"]] == ["label 000", "label 499"]


@pytest.mark.parametrize("name", ["display_name", "store_session_info"])
def test_no_metric_has_a_name_that_kfp_sets_itself(root: Path, name: str) -> None:
    write_inputs(root, {})
    folder = root / "minio/bucket/kept/shop/run-7"
    inputs = {key: str(folder / key) for key in ("rejects", "linear_baseline", "evaluation")}
    assert name not in metrics_metadata(inputs)


def test_every_recorded_artifact_has_the_name_without_which_nothing_is_drawn() -> None:
    """Artifacts without ``display_name`` are left out (252, 280, 294); the launcher sets it, to the output's name."""
    recorded = Recording("after-2.17.0").mlmd["artifacts"]
    assert recorded
    assert all(artifact["custom_properties"]["display_name"] for artifact in recorded)
