"""Each layout, read by ``init`` alone: rows, labels, texts and declared splits equal what was put in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.first_contact.layouts import Layout, all_layouts
from tests.first_contact.reading import first_contact
from tests.first_contact.tool_runner import Tools
from tests.paths import ROOT

_LAYOUTS = all_layouts()


@pytest.mark.parametrize("layout", _LAYOUTS, ids=[layout.name for layout in _LAYOUTS])
def test_a_layout_is_read_by_init_alone(layout: Layout, tmp_path: Path, tools: Tools) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    written = layout.write(folder, tools)
    found = first_contact(written.path, tmp_path)
    assert len(found.rejects) == written.rejects, found.rejects
    # Of a row whose split the layout does not say, any will do.
    undeclared = {row.picture for row in written.rows if row.split is None}
    read = [replace(row, split=None) if row.picture in undeclared else row for row in found.rows]
    assert sorted(read, key=repr) == sorted(written.rows, key=repr)
    for phrase in written.says:
        assert phrase in found.printed


def test_there_are_enough_layouts_and_the_documentation_lists_each() -> None:
    page = (ROOT / "docs" / "layouts.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (.+?) \| (.+?) \|$", page, re.MULTILINE)[2:]
    assert sorted(listed) == sorted((layout.tool, layout.what) for layout in _LAYOUTS)
    assert len(listed) >= 60


# Texts have other hashes in each process, and so sets another order.
_INIT_ALL = """
import json, sys
from diptych.pipeline.cli.main import main
for name, path in json.loads(sys.argv[1]).items():
    assert main(["init", path, "--output", f"{sys.argv[2]}/{name}.yaml"]) == 0
"""
_OF_EACH_KIND = (
    *("tfds_records", "rfmid", "coco_2017", "shards_by_split", "fashion_product_images", "nested_class_folders"),
    *("autogluon_petfinder", "paths_of_another_machine", "titles_and_brands"),
)


def test_init_answers_the_same_each_time(tmp_path: Path, tools: Tools) -> None:
    paths = {}
    for layout in _LAYOUTS:
        if (name := layout.name) in _OF_EACH_KIND:
            (tmp_path / name).mkdir()
            paths[name] = str(layout.write(tmp_path / name, tools).path)
    assert len(paths) == len(_OF_EACH_KIND)
    answers = []
    for seed in ("1", "2"):
        folder = tmp_path / "answers" / seed
        folder.mkdir(parents=True)
        command = [sys.executable, "-c", _INIT_ALL, json.dumps(paths), "."]
        subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True)
        answers.append({file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()})
    assert answers[0] == answers[1]
