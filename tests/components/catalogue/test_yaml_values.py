"""YAML of any content is plain values, or no YAML for a reason."""

from __future__ import annotations

import pytest

from diptych.components.catalogue.yaml_values import parse_yaml


def test_aliases_stand_for_values() -> None:
    assert parse_yaml("a: &names [cat, dog]\nb: *names") == {"a": ["cat", "dog"], "b": ["cat", "dog"]}


def aliases_of_aliases(levels: int) -> str:
    lines = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    return "\n".join(["a0: &a0 [cat]", *lines])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 5000, "nested too deeply"),
        ("a: [", "while parsing"),
        ("a: 2022-13-45", "month must be"),
        ("a: !!timestamp x", "NoneType"),
        ("a: !!bool 7", "7"),
        ("a: !!int ''", "out of range"),
        (aliases_of_aliases(9), "for more than 1,000,000 values"),
        ("a: &a [*a]", "for more than"),
    ],
)
def test_what_is_no_plain_value_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_yaml(text)
