"""Catalogues of several layouts, run as they are: no settings file, no edit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.first_contact.layouts import Written, all_layouts
from tests.first_contact.tool_runner import open_tools

pytestmark = pytest.mark.e2e

_LAYOUTS = ("cloned_repository", "shards_by_split", "coco_2017", "semicolons_and_ids")
# One process for all of them, because TFX takes long to import.
_RUN_ALL = """
import json, sys
from diptych.pipeline.cli.main import main
codes = {name: main(["run", path, "--output", name]) for name, path in json.loads(sys.argv[1]).items()}
json.dump(codes, open("codes.json", "w"))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Written]]:
    """The folder of all runs, each in a folder of its layout's name, and what was written for each."""
    folder = tmp_path_factory.mktemp("first_contact")
    written = {}
    layouts = {layout.name: layout for layout in all_layouts()}
    with open_tools() as tools:
        for name in _LAYOUTS:
            catalogue = folder / "catalogues" / name
            catalogue.mkdir(parents=True)
            written[name] = layouts[name].write(catalogue, tools)
    paths = json.dumps({name: str(layout.path) for name, layout in written.items()})
    done = subprocess.run(
        [sys.executable, "-c", _RUN_ALL, paths], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]
    return folder, written


@pytest.mark.parametrize("name", _LAYOUTS)
def test_a_catalogue_is_run_without_an_edit(runs: tuple[Path, dict[str, Written]], name: str) -> None:
    folder, written = runs
    assert json.loads((folder / "codes.json").read_text())[name] == 0
    summary: dict[str, Any] = json.loads((folder / name / "summary.json").read_text())
    rows = written[name].rows
    assert summary["rows"] == sum(summary["examples"].values()) == len(rows)
    assert summary["labels"].keys() == {label for row in rows for label in row.labels}
    for label, examples in summary["labels"].items():
        assert sum(examples.values()) == sum(label in row.labels for row in rows)
    assert (folder / name / "diptych.yaml").is_file()
