"""Executors see artifacts by plain paths; what they leave names the artifacts' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def artifact(tmp_path: Path) -> Any:
    from tfx.types import standard_artifacts

    made = standard_artifacts.Model()
    made.uri = str(tmp_path / "run[1]" / "model")
    Path(made.uri).mkdir(parents=True)
    return made


def test_uris_and_what_was_written_of_them_are_restored(artifact: Any) -> None:
    from diptych.components.artifact_links import plain_uris

    uri = artifact.uri
    with plain_uris({"model": [artifact]}, {}):
        assert "[" not in artifact.uri
        assert Path(artifact.uri).resolve() == Path(uri).resolve()
        artifact.set_string_custom_property("model", artifact.uri)
        artifact.set_string_custom_property("part", f"{artifact.uri}/part")
        artifact.set_string_custom_property("other", f"{artifact.uri}0")
        other = f"{artifact.uri}0"
    assert artifact.uri == uri
    properties = {name: artifact.get_string_custom_property(name) for name in ("model", "part", "other")}
    assert properties == {"model": uri, "part": f"{uri}/part", "other": other}


def test_uris_are_restored_after_an_error(artifact: Any) -> None:
    from diptych.components.artifact_links import plain_uris

    uri = artifact.uri
    with pytest.raises(ValueError, match="boom"), plain_uris({"model": [artifact]}):
        raise ValueError("boom")
    assert artifact.uri == uri
