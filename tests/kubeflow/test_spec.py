"""Specs and parameters are checked as KFP's API server checks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.kubeflow.spec import SpecError, load_spec, resolve_parameters
from tests.kubeflow.words_pipeline import make_spec


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"wrod": "x"}, "knows no parameter wrod; it knows word"),
        ({"word": 3}, "parameter 'word' must be a STRING, not 3"),
    ],
)
def test_parameters_are_checked_as_the_api_server_does(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        resolve_parameters(make_spec(), given)


def test_a_parameter_without_a_value_is_asked_for() -> None:
    spec = make_spec()
    del spec["root"]["inputDefinitions"]["parameters"]["word"]["defaultValue"]
    with pytest.raises(SpecError, match="--param word="):
        resolve_parameters(spec, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schemaVersion": "2.0.0"}, "schema version 2.1.0 only, not 2.0.0"),
        ({"surprise": 1}, "invalid v2 pipeline spec"),
        ({"pipelineInfo": {}}, "no name"),
    ],
)
def test_specs_are_refused_as_the_api_server_does(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump({**make_spec(), **change}))
    with pytest.raises(SpecError, match=message):
        load_spec(str(file))
