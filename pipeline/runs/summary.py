"""The summary of a run: ``summary.json`` for programs, and a few lines for a person."""

from __future__ import annotations

import json
import os
import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, field_validator
from rich.console import Console
from rich.markup import escape

from diptych.components.artifacts import (
    ACCOUNT_FILE,
    DECISION_FILE,
    LAST_BLESSED,
    METRICS_FILE,
    REJECTS_FILE,
    REPORT_FILE,
    SUSPICIOUS_LABELS_FILE,
    VERDICT_FILE,
    baseline_name,
    modality_name,
)
from diptych.components.declared_account import DeclaredAccount
from diptych.components.report.report_data import Comparison
from diptych.models.atomic_files import write_text
from diptych.models.counts import join_names, pluralize
from diptych.models.credentials import mask_credentials, mask_values
from diptych.models.errors import DiptychError
from diptych.models.features import SPLITS
from diptych.models.metrics import shown_metrics
from diptych.models.os_errors import explain_os_error, find_os_error
from diptych.models.progress import describe_duration
from diptych.models.shown_text import show_line
from diptych.pipeline.runs.run_folder import LOG_FILE, SUMMARY_FILE

# The metrics that are printed for every model.
_HEADLINE = ("accuracy", "macro_f1", "micro_f1")
# At most so many reasons why a model is not blessed are printed.
_REASONS = 2
_NAME_WIDTH = 14


class Failure(BaseModel):
    """Where a run failed or was interrupted, and why.

    Attributes:
        component: null if it failed outside of any component, or it is not known in which.
        interrupted: whether it was told to end, by Ctrl-C or a signal, and only has to be run again.
        log: URI of what the component printed; null if it is in the run's own log, or nobody kept it.
    """

    component: str | None
    message: str
    log: str | None = None
    interrupted: bool = False

    @property
    def status(self) -> str:
        """The status of such a run."""
        return "interrupted" if self.interrupted else "failed"


def explain_error(error: BaseException, place: str | None = None) -> str:
    """The message of a failure.

    It is that of an error of Diptych's as it is, a sentence about what the operating system said, or the message of any
    other error with its type before it.

    Args:
        place: the folder that was worked in, to be named where the operating system names no path.
    """
    # Beam raises a copy of the error, with the name of the step appended to its message.
    message = re.sub(r"\s*\[while running '.*'\]\s*$", "", str(error).strip(), flags=re.DOTALL)
    message = mask_credentials(message)
    if isinstance(error, DiptychError) and message:
        return message
    if found := find_os_error(error):
        found.filename = found.filename or place
        return mask_credentials(explain_os_error(found) or message)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class Summary(BaseModel):
    """The results of a run. Fields that a failed run did not get to are empty or null.

    Attributes:
        status: ``succeeded``, ``failed`` or ``interrupted``; a run whose model is not blessed has succeeded.
        rows: number of rows in the catalogue; the ``examples`` and ``rejects`` add up to it.
        examples: number of examples in each split.
        rejects: number of rejected rows for each reason.
        labels: number of examples for each label and split.
        declared: the splits that the catalogue declares; null if it declares none.
        findings: the rule of each finding of the data gate, in the order of the report.
        metrics: metrics of the network on the test split.
        intervals: lower and upper bound of each of these metrics.
        confidence: of all intervals; null if no model was evaluated.
        baseline: metrics of the linear baselines on the test split, by modality: ``text``, ``image`` or ``both``.
        suspicious_labels: number of rows whose labels the widest linear baseline contradicts; null if it was not asked.
        comparisons: how each model that the network was compared with did on the same rows, by its name.
        blessing_reasons: why the model is blessed or not.
        notes: what else must be known to judge by the metrics.
        seconds: how long each component took.
        memory: the most that was resident of each component's process while it worked, in bytes; not where it is
            unknown, nor of processes that it started.
        cached: components whose earlier result was used.
        damaged: sentences about files of earlier results that were damaged, and so were not used.
        unfinished: components that did not finish, or of which it is not known; always empty in a run that succeeded.
        artifacts: path of each component's outputs, by component and output.
        pushed: folder of the pushed model; null if none was pushed.
        folder: the run's folder.
        versions: versions of the libraries that results depend on.
        settings: every setting with its value, defaults too, as the run was given them; credentials are masked.
    """

    status: str
    rows: int | None = None
    examples: dict[str, int] = {}
    rejects: dict[str, int] = {}
    labels: dict[str, dict[str, int]] = {}
    declared: DeclaredAccount | None = None
    findings: list[str] = []
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    confidence: float | None = None
    baseline: dict[str, dict[str, float]] = {}
    suspicious_labels: int | None = None
    comparisons: dict[str, Comparison] = {}
    blessed: bool | None = None
    blessing_reasons: list[str] = []
    notes: list[str] = []
    seconds: dict[str, float] = {}
    memory: dict[str, int] = {}
    cached: list[str] = []
    damaged: list[str] = []
    unfinished: list[str] = []
    artifacts: dict[str, dict[str, str]] = {}
    pushed: str | None = None
    folder: str
    failure: Failure | None = None
    versions: dict[str, str] = {}
    settings: dict[str, Any] = {}

    @field_validator("settings")
    @classmethod
    def _mask(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {name: mask_values(each) for name, each in value.items()}

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
    if verdict := _read(artifacts, "DataGate", "verdict", VERDICT_FILE):
        results["findings"] = [finding["rule"] for finding in verdict["findings"]]
    if baseline := _read(artifacts, "LinearBaseline", "metrics", METRICS_FILE):
        results["baseline"] = baseline
        results["suspicious_labels"] = _count_lines(artifacts["LinearBaseline"]["metrics"], SUSPICIOUS_LABELS_FILE)
    if decision := _read(artifacts, "Evaluator", "evaluation", DECISION_FILE):
        kept = ("metrics", "intervals", "confidence", "comparisons", "blessed", "notes")
        results |= {name: decision[name] for name in kept} | {"blessing_reasons": decision["reasons"]}
    return results


def _read(artifacts: Mapping[str, Mapping[str, str]], component: str, output: str, name: str) -> Any:
    path = artifacts.get(component, {}).get(output)
    if path is None:
        return None
    with open(os.path.join(path, name), encoding="utf-8") as file:
        return json.load(file)


def _count_lines(folder: str, name: str) -> int | None:
    """The number of lines of a file; None if there is no such file, as an earlier release wrote none."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def print_summary(summary: Summary, console: Console) -> None:
    """Prints the summary for a person, on one screen of 24 lines with 80 columns unless many things went wrong.

    Sentences are wrapped, but in a log, in which they are searched for; paths and commands are not, so that they can be
    copied.
    """
    console.print()
    for name, text in _result_lines(summary):
        shown = show_line(text)
        for line in (_wrap(shown, console.width - _NAME_WIDTH) if console.is_terminal else [shown]) or [""]:
            _print_line(console, name, line)
            name = ""
    for name, text in (*_file_lines(summary), *_next_lines(summary)):
        _print_line(console, name, show_line(text))


def _print_line(console: Console, name: str, text: str) -> None:
    console.print(f"[bold]{name:<{_NAME_WIDTH}}[/bold]{escape(text)}", soft_wrap=True, highlight=False)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, _NAME_WIDTH), break_long_words=False, break_on_hyphens=False)


def _result_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    yield from _data_lines(summary)
    yield from _model_lines(summary)
    steps = pluralize(len(summary.seconds), "step")
    memory = f"; at most {max(summary.memory.values()) / 1e9:.2f} GB of memory" if summary.memory else ""
    yield "Time", f"{describe_duration(sum(summary.seconds.values()))} in {steps}, {len(summary.cached)} cached{memory}"
    yield from (("Damaged", sentence) for sentence in summary.damaged)
    if summary.unfinished:
        yield "Not finished", ", ".join(summary.unfinished)


def _data_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.rows is None:
        return
    examples, rejects = sum(summary.examples.values()), sum(summary.rejects.values())
    yield "Rows", f"{summary.rows:,} = {pluralize(examples, 'example')} + {pluralize(rejects, 'reject')}"
    yield "Examples", ", ".join(f"{split} {summary.examples[split]:,}" for split in SPLITS)
    if summary.declared:
        yield "Splits", summary.declared.describe()
    if summary.rejects:
        yield "Rejects", ", ".join(f"{reason} {count:,}" for reason, count in summary.rejects.items())


def _doubts(summary: Summary) -> Iterator[str]:
    if summary.findings:
        yield f"{pluralize(len(summary.findings), 'finding')} ({join_names(dict.fromkeys(summary.findings), 3)})"
    if summary.suspicious_labels:
        yield f"{pluralize(summary.suspicious_labels, 'row')} whose label looks wrong"


def _model_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.metrics:
        yield "Network", _format_headline(summary.metrics, summary.intervals)
        if summary.confidence:
            yield "", f"in brackets {100 * summary.confidence:g} % intervals"
    if summary.baseline:
        yield "Baselines", _format_baselines(summary)
    if doubts := ", ".join(_doubts(summary)):
        yield "Look at", doubts
    if last := summary.comparisons.get(LAST_BLESSED):
        yield "Last blessed", _format_headline(last.metrics, last.intervals)
    if summary.blessed is not None:
        yield from _blessing_lines(summary.blessed, summary.blessing_reasons)
        yield from (("Note", note) for note in summary.notes)


def _blessing_lines(blessed: bool, reasons: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Whether a model is blessed, and what it failed; what it met is in the report."""
    if blessed:
        yield "Blessed", f"yes: {reasons[0]}" if len(reasons) == 1 else f"yes: it meets all {len(reasons)} criteria"
        return
    yield "Blessed", "no, so it is not pushed"
    yield from (("", reason) for reason in reasons[:_REASONS])
    if (more := len(reasons) - _REASONS) > 0:
        yield "", f"and {pluralize(more, 'more reason')}, which the report has"


def _file_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.pushed:
        yield "Pushed model", _shorten(summary.pushed)
    if report := summary.artifacts.get("Report", {}).get("report"):
        yield "Report", _shorten(os.path.join(report, REPORT_FILE))
    if summary.rejects and (rejects := summary.artifacts.get("ImageTextExampleGen", {}).get("rejects")):
        yield "Rejected rows", _shorten(os.path.join(rejects, REJECTS_FILE))


def _next_lines(summary: Summary) -> Iterator[tuple[str, str]]:
    """The commands that a person may want next, after a run that succeeded on this machine."""
    # A run in a cluster has no such file: there the log of each step is in Kubeflow.
    if summary.failure or not os.path.exists(os.path.join(summary.folder, LOG_FILE)):
        return
    folder = shlex.quote(_shorten(summary.folder))
    yield "Next", f"diptych report {folder} --serve"
    if "Trainer" in summary.artifacts:
        asked = folder if summary.pushed else f"--run {folder}"
        text = ' --text "A DESCRIPTION"' if "text" in summary.baseline else ""
        yield "", f"diptych predict {asked} IMAGE{text}"


def _shorten(path: str) -> str:
    """A path, relative where it lies in the working directory."""
    working = os.path.join(os.getcwd(), "")
    return path[len(working) :] if path.startswith(working) else path


def _format_baselines(summary: Summary) -> str:
    """The metric that tells most of each linear baseline, on the rows of the network where it was compared with it."""
    found = {}
    for modality, metrics in summary.baseline.items():
        compared = summary.comparisons.get(baseline_name(modality), Comparison())
        found[modality_name(modality)] = {**metrics, **compared.metrics}
    name = next(name for metrics in found.values() for name in shown_metrics(metrics) if name in _HEADLINE)
    return f"{name}: " + ", ".join(f"{model} {metrics[name]:.4f}" for model, metrics in found.items())


def _format_headline(metrics: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]) -> str:
    """The metrics that tell most, each with its interval if there is one."""
    brackets = {name: f" ({low:.3f} to {high:.3f})" for name, (low, high) in intervals.items()}
    shown = [name for name in shown_metrics(metrics) if name in _HEADLINE]
    return ", ".join(f"{name} {metrics[name]:.4f}{brackets.get(name, '')}" for name in shown)
