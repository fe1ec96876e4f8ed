"""The artifact contract has the names that TFX gives its files, and is imported without TFX."""

from __future__ import annotations

import subprocess
import sys

from diptych.components import artifacts


def test_the_files_of_tfx_bear_the_names_that_tfx_gives_them() -> None:
    from tfx.components.evaluator.constants import BLESSED_FILE_NAME
    from tfx.components.example_validator.executor import DEFAULT_FILE_NAME as ANOMALIES
    from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME as SCHEMA
    from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME as STATISTICS

    tfx_names = (STATISTICS, SCHEMA, ANOMALIES, BLESSED_FILE_NAME)
    own = (artifacts.STATISTICS_FILE, artifacts.SCHEMA_FILE, artifacts.ANOMALIES_FILE, artifacts.BLESSED_FILE)
    assert own == tfx_names


def test_names_are_had_without_tfx() -> None:
    code = "import sys, diptych.components.artifacts; assert not {'tfx', 'tensorflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_file_stands_in_the_table() -> None:
    files = [value for name, value in vars(artifacts).items() if name.endswith(("_FILE", "_FOLDER"))]
    assert len(files) >= 15
    assert all(f"{file}`" in str(artifacts.__doc__) or f"{file}/" in str(artifacts.__doc__) for file in files)
