"""``diptych report`` finds what a run left, whatever became of it."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.pipeline.runs.report import ReportError, find_sources, make_page_server, write_report
from tests.pipeline.runs.run_folders import PLACES, summarize, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run")


def test_a_run_that_was_killed_has_a_report(run: Path) -> None:
    path = write_report(str(run))
    assert path == str(run / "report.html")
    text = Path(path).read_text(encoding="utf-8")
    assert "<title>run: report</title>" in text
    assert "48 rows = 18 examples + 30 rejects" in text
    assert not list(run.glob("*.part"))


def test_a_run_that_failed_says_where_and_why_and_shows_nothing_of_earlier_runs(run: Path, tmp_path: Path) -> None:
    summarize(run, status="failed", artifacts={}, failure={"component": "ImageTextExampleGen", "message": "no row"})
    path = write_report(str(run), str(tmp_path / "other.html"))
    text = Path(path).read_text(encoding="utf-8")
    assert "ImageTextExampleGen failed: no row" in text
    assert ">Failed<" in text
    assert "18 examples" not in text


def test_what_the_gate_stopped_for_is_shown(run: Path) -> None:
    verdict = run / "artifacts" / "DataGate" / "verdict"
    (verdict / "7").rename(verdict / "stopped")
    findings = [{"rule": "rejects", "severity": "stop", "message": "too many rejects", "ids": ["row-1"]}]
    (verdict / "stopped" / "verdict.json").write_text(json.dumps({"passed": False, "findings": findings}))
    rejects = {"rejects": str(run / "artifacts" / PLACES["rejects"] / "7")}
    failure = {"component": "DataGate", "message": "the data gate stopped the run"}
    summarize(run, artifacts={"ImageTextExampleGen": rejects}, failure=failure)
    text = Path(write_report(str(run))).read_text(encoding="utf-8")
    assert ">Stopped by the data gate<" in text
    assert "too many rejects" in text


def test_what_the_summary_names_comes_before_what_is_newest(run: Path) -> None:
    newer = run / "artifacts" / "DataGate" / "verdict" / "12"
    newer.mkdir()
    assert find_sources(str(run)).uris["verdict"] == str(newer)
    named = str(run / "artifacts" / "DataGate" / "verdict" / "7")
    summarize(run, artifacts={"DataGate": {"verdict": named}, "Evaluator": {"evaluation": "/gone"}})
    assert find_sources(str(run)).uris == {"verdict": named}


def test_a_curated_schema_is_the_schema(run: Path) -> None:
    curated = run / "artifacts" / "ImportSchemaGen" / "schema" / "3"
    curated.mkdir(parents=True)
    assert find_sources(str(run)).uris["schema"] == str(curated)


@pytest.mark.parametrize("summary", ["", "[]", '{"artifacts": 1}', "{"])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, summary: str) -> None:
    if summary:
        (tmp_path / "summary.json").write_text(summary)
    with pytest.raises(ReportError, match="holds no run"):
        write_report(str(tmp_path))


@pytest.fixture
def address() -> Iterator[str]:
    with make_page_server(b"<p>page", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_page_is_served_and_nothing_else(address: str) -> None:
    with urllib.request.urlopen(address + "/?x") as answer:
        assert answer.read() == b"<p>page"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address + "/../summary.json")


def test_the_lineage_is_what_ml_metadata_knows(run: Path) -> None:
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as proto

    config = proto.ConnectionConfig()
    config.sqlite.filename_uri = str(run / "metadata.sqlite")
    store = metadata_store.MetadataStore(config)
    kinds = {name: store.put_artifact_type(proto.ArtifactType(name=name)) for name in ("Examples", "ExampleStatistics")}
    component = store.put_execution_type(proto.ExecutionType(name="component"))
    made: dict[str, int] = {}
    for kind, place in (("Examples", "examples"), ("ExampleStatistics", "statistics")):
        artifact = proto.Artifact(type_id=kinds[kind], uri=str(run / "artifacts" / PLACES[place] / "7"))
        made[kind] = store.put_artifacts([artifact])[0]
    generator = proto.Execution(type_id=component)
    generator.custom_properties["data_options"].string_value = "{}"
    generator.custom_properties["input_base"].string_value = str(run)
    first, second = store.put_executions([generator, proto.Execution(type_id=component)])
    put, took = proto.Event.OUTPUT, proto.Event.INPUT
    store.put_events(
        [
            proto.Event(artifact_id=made["Examples"], execution_id=first, type=put),
            proto.Event(artifact_id=made["Examples"], execution_id=second, type=took),
            proto.Event(artifact_id=made["ExampleStatistics"], execution_id=second, type=put),
        ]
    )
    sources = find_sources(str(run))
    assert sources.lineage.upstream == {"ImageTextExampleGen": [], "StatisticsGen": ["ImageTextExampleGen"]}
    assert {p.output: (p.type, len(p.fingerprint)) for p in sources.lineage.artifacts} == {
        "examples": ("Examples", 64),
        "statistics": ("ExampleStatistics", 64),
    }
    assert sources.images_root == str(run)


@pytest.mark.parametrize("content", [b"", b"no database " * 900], ids=["empty", "another file"])
def test_damaged_metadata_cost_a_report_its_lineage_and_nothing_else(run: Path, content: bytes) -> None:
    (run / "metadata.sqlite").write_bytes(content)
    sources = find_sources(str(run))
    assert (len(sources.lineage.artifacts), sources.images_root) == (0, "")
    assert sources.uris
