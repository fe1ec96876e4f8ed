"""The text of a schema can be parsed again, and a diff shows what was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diptych.models import features
from diptych.pipeline.prepare.schema_proposal import widen_schema
from diptych.pipeline.prepare.schema_text import diff_schemas, format_schema
from tests.pipeline.prepare.statistics import by_name, rows, statistics_of


def test_what_is_rendered_reads_back_and_comments_each_feature(schema: Any) -> None:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    text = format_schema(schema)
    assert text_format.Parse(text, schema_pb2.Schema()) == schema
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line == "feature {"]
    assert len(starts) == len(features.STATISTICS_FEATURES)
    assert all(lines[number - 1].startswith("# ") for number in starts)


def test_an_update_gives_way_to_the_data_and_keeps_the_rest(schema: Any, tmp_path: Path) -> None:
    curated = type(schema)()
    curated.CopyFrom(schema)
    by_name(curated)["image/contrast"].float_domain.min = 25
    found = statistics_of(tmp_path / "data", [*rows(range(8)), *rows(range(8, 9), label="third")])
    lines = diff_schemas(format_schema(curated), format_schema(widen_schema(curated, [found])))
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert changed == ['+    value: "third"']


def test_equal_schemas_do_not_differ(schema: Any) -> None:
    assert diff_schemas(format_schema(schema), format_schema(schema)) == []
