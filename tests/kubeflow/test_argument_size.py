"""What a step is told must fit into one argument of a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.kubeflow.argument_size import MAX_ARGUMENT_BYTES, executor_input_bytes
from diptych.kubeflow.compiler import compile_pipeline
from diptych.pipeline.settings import SettingsError
from tests.conformance.recordings import Recording, recorded_spec, recordings
from tests.kubeflow.compiled import settings_with, tasks_of


@pytest.mark.skipif(sys.platform != "linux" or os.sysconf("SC_PAGE_SIZE") != 4096, reason="the limit is 32 pages")
def test_the_limit_is_that_of_linux() -> None:
    assert subprocess.run(["true", "x" * MAX_ARGUMENT_BYTES], check=False).returncode == 0
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true", "x" * (MAX_ARGUMENT_BYTES + 1)], check=False)


@pytest.mark.parametrize("labels", [1000, 5000])
def test_a_curated_schema_that_does_not_fit_is_refused_with_its_size(folder: Path, labels: int) -> None:
    values = "".join(f'  value: "label number {number:06}"\n' for number in range(labels))
    (folder / "large.pbtxt").write_text('string_domain {\n  name: "labels"\n' + values + "}\n")
    settings = settings_with(folder, f"data.schema_file={folder / 'large.pbtxt'}")
    if labels == 1000:
        compile_pipeline(settings, str(folder / "large.yaml"))
        return
    with pytest.raises(SettingsError, match=r"ImportSchemaGen: .* takes 18\d,\d\d\d bytes, .* 131,071; .*schema_file"):
        compile_pipeline(settings, str(folder / "large.yaml"))


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_recorded_inputs_are_within_what_is_reckoned(recording: Recording) -> None:
    tasks = tasks_of(recorded_spec()[0])
    for step, task in tasks.items():
        text = json.dumps(recording.step(step), ensure_ascii=False, separators=(",", ":"))
        assert len(text.encode()) <= executor_input_bytes(task, tasks)
