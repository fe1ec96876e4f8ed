"""What a run came to: for programs ``summary.json``, for a person a few lines."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from diptych.components.artifacts import ACCOUNT_FILE, DECISION_FILE, METRICS_FILE, REJECTS_FILE, REPORT_FILE
from diptych.models.features import SPLITS

SUMMARY_FILE = "summary.json"
LOG_FILE = "pipeline.log"

_LIBRARIES = ("diptych", "tfx", "tensorflow", "keras", "apache-beam", "tensorflow-transform", "scikit-learn")


class Failure(BaseModel):
    """Where a run failed and why."""

    component: str | None
    message: str


class Summary(BaseModel):
    """What a run came to; what a failed run did not reach is empty.

    Attributes:
        status: ``succeeded`` or ``failed``; a run whose model is not blessed has succeeded.
        rows: rows of the catalogue; equal to all ``examples`` and ``rejects`` together.
        rejects: rows by reason.
        labels: label to split to number of examples.
        metrics: of the network on the test split.
        baseline: of the linear text baseline on the same.
        seconds: by component.
        cached: components whose earlier result was used.
        artifacts: component to output to path.
        pushed: folder of the pushed model, null if none was.
    """

    status: str
    rows: int | None = None
    examples: dict[str, int] = {}
    rejects: dict[str, int] = {}
    labels: dict[str, dict[str, int]] = {}
    metrics: dict[str, float] = {}
    baseline: dict[str, float] = {}
    blessed: bool | None = None
    blessing_reasons: list[str] = []
    seconds: dict[str, float] = {}
    cached: list[str] = []
    artifacts: dict[str, dict[str, str]] = {}
    pushed: str | None = None
    folder: str
    failure: Failure | None = None
    versions: dict[str, str] = {}

    def write(self) -> None:
        """Writes ``summary.json`` into the run's folder, whole or not at all."""
        path = os.path.join(self.folder, SUMMARY_FILE)
        with open(path + ".part", "w", encoding="utf-8") as file:
            file.write(self.model_dump_json(indent=2) + "\n")
        os.replace(path + ".part", path)


def summarize(
    folder: str, artifacts: dict[str, dict[str, str]], seconds: dict[str, float], cached: list[str], **facts: Any
) -> Summary:
    """Joins what the components left behind.

    Args:
        folder: of the run.
        artifacts: component to output to path, of the components that ended well.
        facts: further fields of ``Summary``, ``status`` at least.
    """
    facts = {**facts, **read_facts(artifacts)}
    return Summary(
        folder=folder, artifacts=artifacts, seconds=seconds, cached=cached, versions=library_versions(), **facts
    )


def read_facts(artifacts: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Fields of ``Summary`` as the components wrote them down.

    Args:
        artifacts: component to output to path, of the components that ended well.
    """
    facts: dict[str, Any] = {}
    if account := _read(artifacts, "ImageTextExampleGen", "rejects", ACCOUNT_FILE):
        facts |= account
    if baseline := _read(artifacts, "LinearBaseline", "metrics", METRICS_FILE):
        facts["baseline"] = baseline
    if decision := _read(artifacts, "Evaluator", "evaluation", DECISION_FILE):
        facts |= {
            "metrics": decision["metrics"],
            "blessed": decision["blessed"],
            "blessing_reasons": decision["reasons"],
        }
    return facts


def _read(artifacts: dict[str, dict[str, str]], component: str, output: str, name: str) -> Any:
    path = artifacts.get(component, {}).get(output)
    if path is None:
        return None
    with open(os.path.join(path, name), encoding="utf-8") as file:
        return json.load(file)


def library_versions() -> dict[str, str]:
    """Of what a result depends on."""
    return {library: version(library) for library in _LIBRARIES}


def show(summary: Summary, console: Console) -> None:
    """Prints the summary for a person. Nothing is wrapped: a wrapped path cannot be copied."""
    console.print()
    for name, text in _lines(summary):
        console.print(f"[bold]{name:<16}[/bold] {escape(text)}", soft_wrap=True, highlight=False)


def _lines(summary: Summary) -> list[tuple[str, str]]:
    lines = []
    if summary.rows is not None:
        examples = sum(summary.examples.values())
        splits = ", ".join(f"{split} {summary.examples[split]:,}" for split in SPLITS)
        rejects = ", ".join(f"{reason} {count:,}" for reason, count in summary.rejects.items()) or "none"
        lines += [
            ("Rows", f"{summary.rows:,} = {examples:,} examples + {sum(summary.rejects.values()):,} rejects"),
            ("Examples", splits),
            ("Rejects", rejects),
        ]
    if summary.metrics:
        lines.append(("Network", _figures(summary.metrics)))
    if summary.baseline:
        lines.append(("Linear baseline", _figures(summary.baseline)))
    if summary.blessed is not None:
        lines.append(("Blessed", "yes" if summary.blessed else "no"))
        lines += [("", reason) for reason in summary.blessing_reasons]
    lines.append(("Seconds", f"{sum(summary.seconds.values()):.1f} in components, {len(summary.cached)} cached"))
    if summary.pushed:
        lines.append(("Pushed model", summary.pushed))
    if report := summary.artifacts.get("Report", {}).get("report"):
        lines.append(("Report", os.path.join(report, REPORT_FILE)))
    if rejects_folder := summary.artifacts.get("ImageTextExampleGen", {}).get("rejects"):
        lines.append(("Rejected rows", os.path.join(rejects_folder, REJECTS_FILE)))
    if run := summary.artifacts.get("Trainer", {}).get("model_run"):
        lines.append(("TensorBoard", f"tensorboard --logdir {run}"))
    lines.append(("Summary", os.path.join(summary.folder, SUMMARY_FILE)))
    # In a cluster each step has a log of its own, where the cluster keeps it.
    if os.path.exists(log := os.path.join(summary.folder, LOG_FILE)):
        lines.append(("Log", log))
    return lines


def _figures(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items() if name != "examples")
