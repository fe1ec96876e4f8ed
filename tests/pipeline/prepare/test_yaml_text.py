"""Texts of any content are read from YAML as they were, and nothing in them acts on who reads the file."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from diptych.pipeline.prepare.yaml_text import dump_yaml, format_value
from tests.hostile_texts import HOSTILE_TEXTS, acting_characters

VALUES = st.recursive(HOSTILE_TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(HOSTILE_TEXTS, VALUES, max_size=3))
def test_what_is_written_is_read_as_it_was(value: dict[str, object]) -> None:
    line = format_value(value)
    assert not acting_characters(line)
    assert not acting_characters(dump_yaml(value)) - {"\n"}
    assert yaml.safe_load(line) == yaml.safe_load(dump_yaml(value)) == value
