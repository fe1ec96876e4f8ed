"""Folders of runs as TFX leaves them, without summary and metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.components.report.report_fixtures import write_artifacts

#: The name that a report gives to an artifact, and its place in a run's folder ``artifacts``.
PLACES = {
    "examples": "ImageTextExampleGen/examples",
    "rejects": "ImageTextExampleGen/rejects",
    "statistics": "StatisticsGen/statistics",
    "schema": "SchemaGen/schema",
    "anomalies": "ExampleValidator/anomalies",
    "verdict": "DataGate/verdict",
    "linear_baseline": "LinearBaseline/metrics",
    "tuner_results": "Tuner/tuner_results",
    "evaluation": "Evaluator/evaluation",
    "blessing": "Evaluator/blessing",
}
NUMBER = "7"


def write_run(folder: Path) -> Path:
    """Writes the folder of a run with each artifact of ``PLACES``, and returns it."""
    for name, uri in write_artifacts(folder.parent / f"{folder.name}-made").items():
        target = folder / "artifacts" / PLACES[name] / NUMBER
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(uri).rename(target)
    return folder


def summarize(run: Path, **facts: Any) -> None:
    """Writes the summary of a run."""
    (run / "summary.json").write_text(json.dumps(facts))
