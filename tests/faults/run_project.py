"""A tiny project whose run trains, blesses and pushes a model within seconds."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

#: What a process imports before it is forked, so that no run has to.
IMPORTED = (
    "diptych.components.report.comparison.collection",
    "diptych.components.report.comparison_page",
    "diptych.components.report.data_collection",
    "diptych.components.report.page",
    "diptych.kubeflow.client.submit",
    "diptych.kubeflow.client.vertex",
    "diptych.kubeflow.commands",
    "diptych.kubeflow.compiler",
    "diptych.models.text.sklearn_encoders",
    "diptych.models.training.trainer",
    "diptych.pipeline.dag",
    "diptych.pipeline.export.dataset",
    "diptych.pipeline.export.encoders",
    "diptych.pipeline.export.formats.parquet",
    "diptych.pipeline.export.formats.tfrecord",
    "diptych.pipeline.export.formats.webdataset",
    "diptych.pipeline.export.model",
    "diptych.pipeline.local.runner",
    "diptych.pipeline.predict.catalogue",
    "diptych.pipeline.predict.images",
    "diptych.pipeline.prepare.schema",
    "diptych.pipeline.runs.digest",
    "diptych.pipeline.runs.lineage",
    "diptych.pipeline.runs.verify",
    "kfp.client",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tfx.orchestration.local.local_dag_runner",
)

#: Of the catalogue.
ROWS = 60
_SETTINGS = """
name: tiny
data: {catalogue: catalogue.csv, processes: 1, splits: {train: 0.6, val: 0.2, test: 0.2}}
image: {height: 8, width: 8}
model: {image: {backbone: cnn, filters: [4], units: 4}, text: {units: 4}}
train: {epochs: 1, batch_size: 8}
evaluate: {thresholds: {accuracy: 0.0}, gain_over_baseline: {accuracy: -1.0}}
"""


def write_project(folder: Path) -> None:
    """Writes ``catalogue.csv`` with its images, ``tiny.yaml``, and ``curated.yaml``, which names ``curated.pbtxt``."""
    lines = ["image,description,label"]
    for number in range(ROWS):
        label = ("red", "blue")[number % 2]
        Image.new("RGB", (8, 8), (200 - number, 0, number) if label == "red" else (number, 0, 200)).save(
            folder / f"{number}.png"
        )
        lines.append(f"{number}.png,a {label} square number {number},{label}")
    (folder / "catalogue.csv").write_text("\n".join(lines) + "\n")
    (folder / "tiny.yaml").write_text(_SETTINGS)
    (folder / "curated.yaml").write_text(
        _SETTINGS.replace("catalogue.csv,", "catalogue.csv, schema_file: curated.pbtxt,")
    )
