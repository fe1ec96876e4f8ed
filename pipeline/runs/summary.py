"""The summary of a run: ``summary.json`` for programs, and a few lines for a person."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from diptych.components.artifacts import ACCOUNT_FILE, DECISION_FILE, METRICS_FILE, REJECTS_FILE, REPORT_FILE
from diptych.models.atomic_files import write_text
from diptych.models.errors import DiptychError
from diptych.models.features import SPLITS
from diptych.pipeline.runs.run_folder import LOG_FILE, SUMMARY_FILE


class Failure(BaseModel):
    """Where a run failed and why.

    Attributes:
        component: null if it failed outside of any component, or it is not known in which.
        log: URI of what the component printed; null if it is in the run's own log, or nobody kept it.
    """

    component: str | None
    message: str
    log: str | None = None


def explain_error(error: BaseException) -> str:
    """The message of a failure: that of an error of Diptych's as it is, that of any other with its type before it."""
    # Beam raises a copy of the error, with the name of the step appended to its message.
    message = re.sub(r"\s*\[while running '.*'\]\s*$", "", str(error).strip(), flags=re.DOTALL)
    if isinstance(error, DiptychError) and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class Summary(BaseModel):
    """The results of a run. Fields that a failed run did not get to are empty or null.

    Attributes:
        status: ``succeeded`` or ``failed``; a run whose model is not blessed has succeeded.
        rows: number of rows in the catalogue; the ``examples`` and ``rejects`` add up to it.
        examples: number of examples in each split.
        rejects: number of rejected rows for each reason.
        labels: number of examples for each label and split.
        metrics: metrics of the network on the test split.
        baseline: metrics of the linear text baseline on the test split.
        blessing_reasons: why the model is blessed or not.
        seconds: how long each component took.
        cached: components whose earlier result was used.
        unfinished: components that did not finish, or of which it is not known; always empty in a run that succeeded.
        artifacts: path of each component's outputs, by component and output.
        pushed: folder of the pushed model; null if none was pushed.
        folder: the run's folder.
        versions: versions of the libraries that results depend on.
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
    unfinished: list[str] = []
    artifacts: dict[str, dict[str, str]] = {}
    pushed: str | None = None
    folder: str
    failure: Failure | None = None
    versions: dict[str, str] = {}

    def write(self) -> None:
        """Writes ``summary.json`` into the run's folder.

        Raises:
            OSError: it cannot be written.
        """
        write_text(os.path.join(self.folder, SUMMARY_FILE), self.model_dump_json(indent=2) + "\n")


def read_component_results(artifacts: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Reads the fields of ``Summary`` that components wrote into their artifacts.

    Args:
        artifacts: component to output to path, of the components that ended well.
    """
    results: dict[str, Any] = {}
    if account := _read(artifacts, "ImageTextExampleGen", "rejects", ACCOUNT_FILE):
        results |= account
    if baseline := _read(artifacts, "LinearBaseline", "metrics", METRICS_FILE):
        results["baseline"] = baseline
    if decision := _read(artifacts, "Evaluator", "evaluation", DECISION_FILE):
        results |= {
            "metrics": decision["metrics"],
            "blessed": decision["blessed"],
            "blessing_reasons": decision["reasons"],
        }
    return results


def _read(artifacts: Mapping[str, Mapping[str, str]], component: str, output: str, name: str) -> Any:
    path = artifacts.get(component, {}).get(output)
    if path is None:
        return None
    with open(os.path.join(path, name), encoding="utf-8") as file:
        return json.load(file)


def print_summary(summary: Summary, console: Console) -> None:
    """Prints the summary for a person. Lines are not wrapped, so that paths can be copied."""
    console.print()
    for name, text in _lines(summary):
        console.print(f"[bold]{name:<16}[/bold] {escape(text)}", soft_wrap=True, highlight=False)


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    yield from _data_lines(summary)
    yield from _model_lines(summary)
    yield "Seconds", f"{sum(summary.seconds.values()):.1f} in components, {len(summary.cached)} cached"
    if summary.unfinished:
        yield "Not finished", ", ".join(summary.unfinished)
    yield from _file_lines(summary)


def _data_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.rows is None:
        return
    examples, rejects = sum(summary.examples.values()), sum(summary.rejects.values())
    yield "Rows", f"{summary.rows:,} = {examples:,} examples + {rejects:,} rejects"
    yield "Examples", ", ".join(f"{split} {summary.examples[split]:,}" for split in SPLITS)
    yield "Rejects", ", ".join(f"{reason} {count:,}" for reason, count in summary.rejects.items()) or "none"


def _model_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.metrics:
        yield "Network", _format_metrics(summary.metrics)
    if summary.baseline:
        yield "Linear baseline", _format_metrics(summary.baseline)
    if summary.blessed is not None:
        yield "Blessed", "yes" if summary.blessed else "no"
        yield from (("", reason) for reason in summary.blessing_reasons)


def _file_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.pushed:
        yield "Pushed model", summary.pushed
    if report := summary.artifacts.get("Report", {}).get("report"):
        yield "Report", os.path.join(report, REPORT_FILE)
    if rejects := summary.artifacts.get("ImageTextExampleGen", {}).get("rejects"):
        yield "Rejected rows", os.path.join(rejects, REJECTS_FILE)
    if logs := summary.artifacts.get("Trainer", {}).get("model_run"):
        yield "TensorBoard", f"tensorboard --logdir {logs}"
    yield "Summary", os.path.join(summary.folder, SUMMARY_FILE)
    # A run in a cluster has no such file: there the log of each step is in Kubeflow.
    if os.path.exists(log := os.path.join(summary.folder, LOG_FILE)):
        yield "Log", log


def _format_metrics(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items() if name != "examples")
