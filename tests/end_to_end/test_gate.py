"""Under LocalDagRunner a finding stops the run, warns or is ignored; a stop leaves its verdict behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.components.data_gate.options import GateOptions
from diptych.pipeline.settings import Settings, check_settings
from tests.helpers import write_catalogue, write_image

pytestmark = pytest.mark.e2e

# Of 40 rows, 10 bear another label than before.
USUAL, MOVED = "ab" * 20, "ab" * 10 + "b" * 20


def _settings(folder: Path, labels: str, **gate: Any) -> Settings:
    rows = []
    for n, label in enumerate(labels):
        write_image(folder / f"{n}.png", n)
        rows.append({"image": f"{n}.png", "description": "a text", "label": label})
    catalogue = write_catalogue(folder, rows).catalogue
    options = GateOptions(**gate).model_dump()
    return check_settings({"name": "small", "data": {"catalogue": catalogue}, "gate": options}, "test")


def _run(settings: Settings, root: Path) -> None:
    """The DAG as far as the gate, and the one component behind it that is soonest done."""
    from tfx.components.example_validator.component import ExampleValidator
    from tfx.components.schema_gen.component import SchemaGen
    from tfx.orchestration import metadata
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import Pipeline

    from diptych.components.data_gate.component import DataGate
    from diptych.components.linear_baseline.component import LinearBaseline
    from diptych.pipeline.dag import build_ingestion

    example_gen, statistics_gen = build_ingestion(settings)
    examples, statistics = example_gen.outputs["examples"], statistics_gen.outputs["statistics"]
    schema_gen = SchemaGen(statistics=statistics)
    schema = schema_gen.outputs["schema"]
    validator = ExampleValidator(statistics=statistics, schema=schema)
    gate = DataGate(
        examples=examples,
        rejects=example_gen.outputs["rejects"],
        statistics=statistics,
        schema=schema,
        anomalies=validator.outputs["anomalies"],
        options=settings.gate,
        label=settings.label,
        text=settings.text,
        push_directory=str(root / "pushed"),
        code="",
    )
    baseline = LinearBaseline(examples, settings.image, settings.text, settings.label, settings.train, code="")
    baseline.add_upstream_node(gate)
    pipeline = Pipeline(
        pipeline_name="small",
        pipeline_root=str(root / "artifacts"),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
        components=[example_gen, statistics_gen, schema_gen, validator, gate, baseline],
        enable_cache=True,
    )
    LocalDagRunner().run(pipeline)


def _verdicts(root: Path) -> dict[str, Any]:
    found = sorted((root / "artifacts" / "DataGate" / "verdict").glob("*/verdict.json"))
    return {path.parent.name: json.loads(path.read_text()) for path in found}


def _trained(root: Path) -> int:
    return len(list((root / "artifacts" / "LinearBaseline" / "metrics").glob("*/metrics.json")))


def test_a_finding_stops_warns_or_is_ignored(tmp_path: Path) -> None:
    from diptych.components.data_gate.executor import DataGateError

    _run(_settings(tmp_path / "data", USUAL), tmp_path)
    assert _trained(tmp_path) == 1
    (first,) = _verdicts(tmp_path)

    def gate(severity: str) -> dict[str, Any]:
        return {"label_rare": {"severity": severity, "min_rows": 12}}

    with pytest.raises(DataGateError, match="1 label has fewer than 12 rows") as raised:
        _run(_settings(tmp_path / "data", MOVED, **gate("stop")), tmp_path)
    assert _trained(tmp_path) == 1
    verdicts = _verdicts(tmp_path)
    assert set(verdicts) == {first, "stopped"}
    assert not verdicts["stopped"]["passed"]
    assert [finding["message"] in str(raised.value) for finding in verdicts["stopped"]["findings"]] == [True]

    _run(_settings(tmp_path / "data", MOVED, **gate("warn")), tmp_path)
    assert _trained(tmp_path) == 2
    verdicts = _verdicts(tmp_path)
    assert "stopped" not in verdicts
    warned = max(verdicts, key=int)
    assert verdicts[warned]["passed"]
    assert [finding["severity"] for finding in verdicts[warned]["findings"]] == ["warn"]

    _run(_settings(tmp_path / "data", MOVED, **gate("ignore")), tmp_path)
    verdicts = _verdicts(tmp_path)
    ignored = verdicts[max(verdicts, key=int)]
    assert (ignored["passed"], ignored["findings"]) == (True, [])
    (rule,) = (rule for rule in ignored["rules"] if rule["rule"] == "label_rare")
    assert (rule["applied"], rule["severity"], rule["limits"]) == (False, "ignore", {"min_rows": 12})
