"""``diptych report``: writes the report of a run from whatever is left of it, and shows a page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from diptych.components.artifacts import REPORT_FILE, stopped_verdict_folder
from diptych.models.atomic_files import write_text
from diptych.models.errors import DiptychError
from diptych.models.step_usage import StepUsage
from diptych.pipeline.runs.run_folder import EXAMPLES, REJECTS, STATISTICS, SUMMARY_FILE, ArtifactKey, RunFolder

if TYPE_CHECKING:
    from diptych.components.report.data_collection import ReportSources
    from diptych.components.report.report_data import Lineage

# The names that the report gives to artifacts.
_REPORTED: Mapping[str, ArtifactKey] = {
    "examples": EXAMPLES,
    "rejects": REJECTS,
    "statistics": STATISTICS,
    "schema": ("SchemaGen", "schema"),
    "anomalies": ("ExampleValidator", "anomalies"),
    "verdict": ("DataGate", "verdict"),
    "linear_baseline": ("LinearBaseline", "metrics"),
    "tuner_results": ("Tuner", "tuner_results"),
    "model": ("Trainer", "model"),
    "model_run": ("Trainer", "model_run"),
    "evaluation": ("Evaluator", "evaluation"),
    "blessing": ("Evaluator", "blessing"),
}
_CURATED_SCHEMA: ArtifactKey = ("ImportSchemaGen", "schema")


class ReportError(DiptychError):
    """There is nothing to report; the message says what was looked for."""


def write_report(run: str, output: str | None = None) -> str:
    """Writes the report of a run, whether it succeeded, failed or was killed.

    Args:
        run: the run's folder.
        output: the file to write; None for ``report.html`` in the run's folder.

    Returns:
        The path of the file.

    Raises:
        ReportError: the folder holds no run.
        OSError: the file cannot be written.
    """
    sources = find_sources(run)
    from diptych.components.report.data_collection import collect_report_data
    from diptych.components.report.page import render_report

    return write_page(output or RunFolder(run).report_file, render_report(collect_report_data(sources)))


def write_page(path: str, page: str) -> str:
    """Writes the HTML of a page, and returns its path.

    Raises:
        OSError: the file cannot be written.
    """
    # A text of the catalogue may hold characters that UTF-8 cannot, such as half a surrogate pair.
    write_text(path, page, errors="replace")
    return path


def serve_page(path: str, port: int) -> None:
    """Serves one HTML file, and nothing else, at ``http://localhost:<port>/`` until it is interrupted.

    Raises:
        OSError: there is no such file, or the port is in use.
    """
    with open(path, "rb") as file:
        content = file.read()
    with make_page_server(content, port) as server:
        server.serve_forever()


def make_page_server(content: bytes, port: int) -> ThreadingHTTPServer:
    """The server of ``serve_page``, which only this machine can reach; port 0 takes any that is free.

    Raises:
        OSError: the port is in use.
    """
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_PageHandler, content))


class _PageHandler(BaseHTTPRequestHandler):
    """Answers requests for ``/`` and ``/report.html`` with the page, and any other with 404."""

    def __init__(self, content: bytes, *arguments: Any) -> None:
        self._content = content
        super().__init__(*arguments)

    def do_GET(self) -> None:  # http.server calls the method by this name
        if self.path.split("?")[0] not in ("/", "/" + REPORT_FILE):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self._content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(self._content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing: requests are not printed to the terminal."""


def find_sources(run: str) -> ReportSources:
    """Finds the artifacts that are left in a run's folder, and what ML Metadata knows of them.

    Raises:
        ReportError: there is neither a summary nor an artifact.
    """
    folder = RunFolder(run)
    # In this order: a run that ends in between has its summary.
    is_going_on = folder.is_going_on()
    summary = folder.read_summary()
    artifacts = folder.remaining_artifacts(summary)
    if summary is None and not artifacts and is_going_on:
        raise ReportError(f"a run is going on in '{folder.path}', and has made nothing yet: wait for it")
    if summary is None and not artifacts:
        raise ReportError(
            f"'{folder.path}' holds no run: there is no {SUMMARY_FILE}, and no artifact in "
            f"{os.path.basename(folder.artifacts_folder)}/"
        )
    from diptych.components.report.data_collection import ReportSources
    from diptych.pipeline.changed_settings import changed_settings

    lineage, images_root = _read_metadata(folder.metadata_file, artifacts)
    uris = _reported_uris(folder, artifacts)
    return ReportSources(
        title=folder.name,
        uris=uris,
        failure=_failure(summary or {}),
        going_on=_going_on(summary) if is_going_on else "",
        images_root=images_root,
        lineage=lineage,
        settings=changed_settings((summary or {}).get("settings", {})),
        usage=_step_usage(summary or {}),
    )


def _step_usage(summary: Mapping[str, Any]) -> dict[str, StepUsage]:
    memory = summary.get("memory", {})
    return {step: StepUsage(seconds, memory.get(step)) for step, seconds in summary.get("seconds", {}).items()}


def _reported_uris(folder: RunFolder, artifacts: Mapping[ArtifactKey, str]) -> dict[str, str]:
    uris = {name: artifacts[key] for name, key in _REPORTED.items() if key in artifacts}
    if _CURATED_SCHEMA in artifacts:
        uris["schema"] = artifacts[_CURATED_SCHEMA]
    if "verdict" not in uris and (verdict := _verdict_of_stopped_run(folder)):
        uris["verdict"] = verdict
    return uris


def _verdict_of_stopped_run(folder: RunFolder) -> str | None:
    """Where the data gate keeps the verdict that stopped the run; TFX deletes the artifact of a failed step."""
    verdict = stopped_verdict_folder(folder.artifact_folder(_REPORTED["verdict"], 0))
    return verdict if os.path.isdir(verdict) else None


def _failure(summary: Mapping[str, Any]) -> str:
    failure = summary.get("failure")
    if not failure:
        return ""
    what = "was interrupted" if failure.get("interrupted") else "failed"
    return f"{failure.get('component') or 'The run'} {what}: {failure.get('message', '')}"


def _going_on(summary: Mapping[str, Any] | None) -> str:
    shown = "what it has made so far" if summary is None else "the last one that ended"
    return f"A run is going on in this folder. What is shown is {shown}"


def _read_metadata(database: str, artifacts: Mapping[ArtifactKey, str]) -> tuple[Lineage, str]:
    """The lineage of the artifacts, and the folder of the catalogue's images; empty ones without a metadata store."""
    from diptych.components.report.report_data import Lineage
    from diptych.models.library_versions import library_versions

    if not os.path.isfile(database):
        return Lineage(versions=library_versions()), ""
    from diptych.pipeline.runs.lineage import read_lineage

    return read_lineage(database, artifacts)
