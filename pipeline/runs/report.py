"""``diptych report``: the page of a run from whatever is left of it, two runs side by side, and a local server."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from diptych.models.errors import DiptychError
from diptych.pipeline.runs.summary import SUMMARY_FILE

if TYPE_CHECKING:
    from diptych.components.report.collect import Sources
    from diptych.components.report.report_data import Lineage

REPORT_FILE = "report.html"

_METADATA_FILE = "metadata.sqlite"
_ARTIFACTS_FOLDER = "artifacts"
# What the report calls an artifact: the component and the output that it is of.
_OUTPUTS = {
    "examples": ("ImageTextExampleGen", "examples"),
    "rejects": ("ImageTextExampleGen", "rejects"),
    "statistics": ("StatisticsGen", "statistics"),
    "schema": ("SchemaGen", "schema"),
    "anomalies": ("ExampleValidator", "anomalies"),
    "verdict": ("DataGate", "verdict"),
    "linear_baseline": ("LinearBaseline", "metrics"),
    "model": ("Trainer", "model"),
    "model_run": ("Trainer", "model_run"),
    "evaluation": ("Evaluator", "evaluation"),
    "blessing": ("Evaluator", "blessing"),
}
_CURATED_SCHEMA = "ImportSchemaGen"


class ReportError(DiptychError):
    """There is nothing to report; the message says what was looked for."""


def report_run(run: str, output: str | None = None) -> str:
    """Writes the report of a run that ended in any way.

    Args:
        run: the run's folder.
        output: the file to write; ``report.html`` in the run's folder unless told otherwise.

    Returns:
        The file's path.

    Raises:
        ReportError: the folder holds no run.
        OSError: the file cannot be written.
    """
    sources = find_sources(run)
    from diptych.components.report.collect import gather
    from diptych.components.report.page import render

    return _write(render(gather(sources)), output or os.path.join(run, REPORT_FILE))


def compare_runs(run_a: str, run_b: str, output: str) -> str:
    """Writes a page that sets two runs side by side and returns its path.

    Raises:
        ReportError: a folder holds no run.
        OSError: the file cannot be written.
    """
    found = [find_sources(run) for run in (run_a, run_b)]
    from diptych.components.report.collect import gather
    from diptych.components.report.comparison import render_comparison

    a, b = (gather(sources) for sources in found)
    return _write(render_comparison((run_a, a), (run_b, b)), output)


def serve(path: str, port: int) -> None:
    """Serves one page, and nothing else, to this machine at ``http://localhost:<port>/`` until it is interrupted.

    Raises:
        OSError: there is no such file, or the port is taken.
    """
    with open(path, "rb") as file:
        content = file.read()
    with make_server(content, port) as server:
        server.serve_forever()


def make_server(content: bytes, port: int) -> ThreadingHTTPServer:
    """The server of ``serve``, bound to 127.0.0.1; port 0 takes any that is free.

    Raises:
        OSError: the port is taken.
    """
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Page, content))


class _Page(BaseHTTPRequestHandler):
    """Answers with the page at ``/``."""

    def __init__(self, content: bytes, *arguments: Any) -> None:
        self._content = content
        super().__init__(*arguments)

    def do_GET(self) -> None:  # the name that http.server calls
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
        """A page that is looked at is nothing to write to the terminal."""


def _write(page: str, output: str) -> str:
    with open(output + ".part", "w", encoding="utf-8", errors="replace") as file:
        file.write(page)
    os.replace(output + ".part", output)
    return output


def find_sources(run: str) -> Sources:
    """What lies in a run's folder: what ``summary.json`` names, or else the newest of each artifact.

    Raises:
        ReportError: the folder holds neither.
    """
    run = os.path.abspath(run)
    summary = _read_summary(run)
    # What lies beside what a summary names is of earlier runs.
    outputs = _newest(run) if summary is None else _existing(summary["artifacts"])
    if summary is None and not outputs:
        raise ReportError(f"'{run}' holds no run: there is no {SUMMARY_FILE}, and no artifact in {_ARTIFACTS_FOLDER}/")
    uris = {name: outputs[place] for name, place in _OUTPUTS.items() if place in outputs}
    if (_CURATED_SCHEMA, "schema") in outputs:
        uris["schema"] = outputs[_CURATED_SCHEMA, "schema"]
    if "verdict" not in uris and (stopped := _stopped(run)):
        uris["verdict"] = stopped
    from diptych.components.report.collect import Sources

    lineage, images_root = _read_metadata(run, outputs)
    return Sources(os.path.basename(run), uris, _failure(summary or {}), images_root, lineage)


def _read_summary(run: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(run, SUMMARY_FILE), encoding="utf-8") as file:
            summary = json.load(file)
    except (OSError, ValueError):
        # A run that was killed has none.
        return None
    return summary if isinstance(summary, dict) and isinstance(summary.get("artifacts"), dict) else None


def _failure(summary: Mapping[str, Any]) -> str:
    failure = summary.get("failure")
    return f"{failure.get('component') or 'The run'} failed: {failure.get('message', '')}" if failure else ""


def _existing(artifacts: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], str]:
    named = {(component, output): uri for component, some in artifacts.items() for output, uri in some.items()}
    return {place: uri for place, uri in named.items() if os.path.isdir(uri)}


def _stopped(run: str) -> str | None:
    """The verdict of a gate that stopped the run."""
    from diptych.components.data_gate.executor import stopped_folder

    component, output = _OUTPUTS["verdict"]
    folder = stopped_folder(os.path.join(run, _ARTIFACTS_FOLDER, component, output, "0"))
    return folder if os.path.isdir(folder) else None


def _newest(run: str) -> dict[tuple[str, str], str]:
    """Component and output to the newest folder below ``artifacts/``, which TFX numbers."""
    found: dict[tuple[str, str], str] = {}
    root = os.path.join(run, _ARTIFACTS_FOLDER)
    for component in _folders(root):
        for output in _folders(os.path.join(root, component)):
            folder = os.path.join(root, component, output)
            if numbers := [name for name in _folders(folder) if name.isdecimal()]:
                found[component, output] = os.path.join(folder, max(numbers, key=int))
    return found


def _folders(path: str) -> list[str]:
    if not os.path.isdir(path):
        return []
    return sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))


def _read_metadata(run: str, outputs: Mapping[tuple[str, str], str]) -> tuple[Lineage, str]:
    """The lineage of the outputs, and the folder of the catalogue's images, as far as ML Metadata knows them."""
    from diptych.components.report.lineage import library_versions
    from diptych.components.report.report_data import Lineage

    path = os.path.join(run, _METADATA_FILE)
    if not os.path.isfile(path):
        return Lineage(versions=library_versions()), ""
    from diptych.pipeline.runs.lineage import read_lineage

    return read_lineage(path, outputs)
