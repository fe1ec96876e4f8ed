"""``diptych export-encoders`` finds the Transform graph of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.models.text.options import EncodingOptions
from diptych.models.text.sklearn_encoders import load_encoders
from diptych.pipeline.export.encoders import export_run_encoders, find_transform_graph
from diptych.pipeline.export.errors import ExportError
from tests.models.text.graphs import fit_graph


def test_a_runs_encoders_are_written(tmp_path: Path) -> None:
    graph = tmp_path / "artifacts" / "Transform" / "transform_graph" / "7"
    graph.mkdir(parents=True)
    fit_graph(graph, ["one two", "two"], ["x", "y"], EncodingOptions())
    (tmp_path / "summary.json").write_text(json.dumps({"artifacts": {"Transform": {"transform_graph": str(graph)}}}))
    assert export_run_encoders(str(tmp_path), str(tmp_path / "encoders.json")) == 2
    encoders = load_encoders(str(tmp_path / "encoders.json"))
    assert encoders.vectorizer.transform(["two one two"]).toarray().tolist() == [[1, 2]]
    assert encoders.label_encoder.transform(["y", "x"]).tolist() == [1, 0]
    assert find_transform_graph(str(graph)) == str(graph)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        export_run_encoders(str(tmp_path), str(tmp_path / "nowhere" / "encoders.json"))


@pytest.mark.parametrize("summary", [None, "no JSON", "[]", '{"artifacts": {}}', '{"artifacts": null}'])
def test_a_folder_without_a_transform_graph_is_refused(tmp_path: Path, summary: str | None) -> None:
    if summary is not None:
        (tmp_path / "summary.json").write_text(summary)
    with pytest.raises(ExportError, match="neither the folder of a run that reached Transform nor a Transform graph"):
        export_run_encoders(str(tmp_path), str(tmp_path / "encoders.json"))
