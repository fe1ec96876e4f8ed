"""Catalogues are read without TFX, Beam and TensorFlow, which take tens of seconds to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

HEAVY = {"tensorflow", "apache_beam", "tfx", "ml_metadata", "tensorflow_data_validation", "tensorflow_transform"}


def test_no_module_of_the_room_imports_a_heavy_library() -> None:
    code = """
import importlib, json, pkgutil, sys
import diptych.components.catalogue as room
names = [module.name for module in pkgutil.walk_packages(room.__path__, room.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(json.dumps([names, list(sys.modules)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    names, imported = json.loads(done.stdout)
    assert {"diptych.components.catalogue.catalogue", "diptych.components.catalogue.readers.tfrecord"} <= set(names)
    assert not HEAVY & set(imported)


def test_no_module_of_the_room_imports_one_when_it_reads(tmp_path: Path) -> None:
    """An import inside a function is seen only when that runs: TFRecord files are what TensorFlow would read."""
    code = """
import json, sys
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.example_proto import Example
from diptych.models.tfrecord_framing import frame_record
example = Example()
for name in ("image", "description", "label"):
    example.features.feature[name].bytes_list.value.append(name.encode())
path = sys.argv[1] + "/rows.tfrecord"
with open(path, "wb") as file:
    file.write(frame_record(example.SerializeToString()))
catalogue = Catalogue.open(DataOptions(catalogue=path))
assert catalogue.sample(1) and [row.problem for _, row in catalogue.rows()] == [None]
print(json.dumps(list(sys.modules)))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert not HEAVY & set(json.loads(done.stdout))
