"""Whatever the rows hold, proposals are made, can be applied, and are the same when made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.pipeline.prepare.proposals.decisions import Evidence
from diptych.pipeline.prepare.proposals.paths import propose_paths
from diptych.pipeline.prepare.proposals.texts import propose_texts

PATHS = st.sampled_from(
    ["a.jpg", "images/a.jpg", "C:\\x\\a.jpg", "['a.jpg', 'b.jpg']", "a.jpg;b.jpg", "http://[x/a.jpg", "gs://b/a.jpg"]
)
VALUES = st.recursive(
    st.none() | st.text(max_size=20) | st.binary(max_size=5) | st.floats() | st.integers() | st.booleans() | PATHS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["bytes", "path"]), inner),
    max_leaves=4,
)
COLUMNS = st.sampled_from(["image", "description", "label", "title", "id", "", "{x}", "a.b", "1"])


@settings(deadline=None, max_examples=80)
@given(rows=st.lists(st.dictionaries(COLUMNS, VALUES), max_size=5))
@example([{"image": "http://[x/a.jpg"}])
@example([{"image": "http://[x/a.jpg"}, {"image": "https://host/b.jpg"}])
def test_any_rows_have_proposals(tmp_path_factory: Any, rows: list[dict[str, Any]]) -> None:
    folder: Path = tmp_path_factory.getbasetemp() / "any rows"
    for name in ("a.jpg", "images/a.jpg", "images/b.jpg", "images/1.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "rows.jsonl").write_text("{}\n")
    catalogue = Catalogue.open(DataOptions(catalogue=str(folder / "rows.jsonl")))
    evidence = Evidence(catalogue, rows, [str(folder / "rows.jsonl")] * len(rows))
    for propose in (propose_paths, propose_texts):
        decisions = propose(evidence)
        assert propose(evidence) == decisions
        evidence = evidence.decided(decisions)
