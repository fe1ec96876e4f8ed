"""``diptych schema`` writes a schema that suits the catalogue, and writes over nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.prepare.schema import SchemaError, widen_curated_schema, write_proposed_schema, write_schema
from diptych.pipeline.prepare.schema_text import diff_schemas
from diptych.pipeline.settings import check_settings
from tests.helpers import write_catalogue, write_image


def settings_of(folder: Path, **data: Any) -> Any:
    for n in range(60):
        write_image(folder / f"{n}.png", n)
    table = [{"image": f"{n}.png", "description": f"text {n}", "label": "ab"[n % 2]} for n in range(60)]
    options = write_catalogue(folder, table)
    return check_settings({"data": {"catalogue": options.catalogue, **data}, "name": "small"}, "test")


def test_a_schema_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "schema.pbtxt").write_text("mine")
    with pytest.raises(SchemaError, match="exists: name another file"):
        write_proposed_schema(settings_of(tmp_path), str(tmp_path / "run"), str(tmp_path / "schema.pbtxt"))
    assert not (tmp_path / "run").exists()


def test_an_update_needs_a_curated_schema(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="names none"):
        widen_curated_schema(settings_of(tmp_path), str(tmp_path / "run"))
    (tmp_path / "schema.pbtxt").write_text("feature { nonsense }")
    with pytest.raises(SchemaError, match="is no schema"):
        widen_curated_schema(settings_of(tmp_path, schema_file=str(tmp_path / "schema.pbtxt")), str(tmp_path / "run"))


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere/schema.pbtxt"):
        write_schema("", str(tmp_path / "nowhere" / "schema.pbtxt"))


def test_a_catalogue_becomes_a_schema_that_suits_it(tmp_path: Path) -> None:
    settings, run, output = settings_of(tmp_path), str(tmp_path / "run"), tmp_path / "schema.pbtxt"
    write_proposed_schema(settings, run, str(output))
    text = output.read_text()
    assert 'value: "a"\n    value: "b"' in text
    old, new = widen_curated_schema(settings_of(tmp_path, schema_file=str(output)), run)
    assert old == text
    assert diff_schemas(old, new) == []
    # What was ingested for the proposal served the update.
    examples = Path(run) / "artifacts" / "ImageTextExampleGen" / "examples"
    assert [path.name for path in examples.iterdir() if path.is_dir()] == ["1"]
