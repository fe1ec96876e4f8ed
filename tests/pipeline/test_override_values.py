"""What a person types after ``--set KEY=`` arrives; YAML is read only where it says a number, a list or the like."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from diptych.pipeline.override_values import read_override_value

SIGNS = "|#>-?:,[]{}&*!%@`'\"\\ ~.\t=</()0123456789eEabnulltrue_+"
SINGLE_LINES = st.text(st.characters(exclude_characters="\n\r\x85\u2028\u2029"), min_size=1, max_size=12)


def has_another_meaning(text: str) -> bool:
    """Whether YAML, 1.1 or 1.2, takes it for a number, a truth value, null, a list, a mapping or quoted text."""
    try:
        float(text)
    except ValueError:
        pass
    else:
        return True
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return False
    is_text = isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"
    return not is_text or node.style in ("'", '"')


@given(SINGLE_LINES | st.text(SIGNS, min_size=1, max_size=12))
@example("|")
@example("a #b")
@example("images/{id}.jpg")
@example("{title}. {brand}")
@example("@a")
@example("9" * 5000)
def test_text_arrives_unchanged(text: str) -> None:
    assume(not has_another_meaning(text) or text == "9" * 5000)
    assert read_override_value(text) == text


@pytest.mark.parametrize(
    "text",
    ["|", "#", "# a", ">", ": ", " ", "\t", "-", "- a", "*", "*a", "&", "!", "!a b", "%", "@", "`", "?", "---", "..."]
    + ["a: b", "no", "on", "2024-01-01", "1:30", "007", "1_000", "{id}", "{a, b}", "'a' b", "[a] # b", "[", '"', "['"],
)
def test_these_are_text(text: str) -> None:
    assert read_override_value(text) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_what_yaml_writes_in_one_line_is_read(value: Any) -> None:
    written = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=False)
    text = written.removesuffix("\n").removesuffix("\n...")
    assume("\n" not in text)
    assert read_override_value(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("TRUE", True),
        (" 5 ", 5),
        ("1e-3", 0.001),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("'5'", "5"),
        ('"\\t"', "\t"),
        ("[|, b]", "[|, b]"),
        ("['|', b]", ["|", "b"]),
        ("{a: 1, b: [c]}", {"a": 1, "b": ["c"]}),
        ("{a: }", {"a": None}),
    ],
)
def test_these_have_the_meaning_of_yaml(text: str, value: Any) -> None:
    assert read_override_value(text) == value
