"""What each step takes in a simulated Kubeflow run: the Markdown table of docs/kubeflow.md."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.tools import ROOT, BenchmarkError, child_environment, make_parser, python_command, run_timed

# Where the catalogue lies in the simulated store.
_BUCKET = "minio://bench"
_COLUMNS = ("step", "seconds", "CPU seconds", "memory, GB")


def main() -> None:
    """Compiles and simulates a pipeline, and prints the table."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "config", nargs="?", type=Path, help="a diptych.yaml (default: the digits that the demo runs on)"
    )
    config = parser.parse_args().config
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = simulate(config or _write_config(folder / "digits"), folder)
    print(markdown_table(tasks))


def simulate(config: Path, folder: Path) -> dict[str, Any]:
    """Runs the pipeline as ``diptych simulate`` does, and returns its tasks by name.

    Raises:
        BenchmarkError: it cannot be compiled, or did not succeed.
    """
    from diptych.pipeline.settings import load_settings

    catalogue = Path(load_settings(str(config)).data.catalogue)
    shutil.copytree(catalogue.parent, folder / "root/stores/minio/bench/catalogue")
    spec = folder / "bench.yaml"
    places = (f"kubeflow.catalogue={_BUCKET}/catalogue/{catalogue.name}", f"kubeflow.pipeline_root={_BUCKET}/artifacts")
    overrides = [text for place in places for text in ("--set", place)]
    run_timed(python_command("-m", "diptych", "compile", str(config), "--output", str(spec), *overrides))
    command = python_command("-m", "diptych", "simulate", str(spec), "--root", str(folder / "root"), "--json")
    done = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    tasks: dict[str, Any] = json.loads(done.stdout)["tasks"]
    return tasks


def markdown_table(tasks: dict[str, Any]) -> str:
    """The wall time, the processor time and the memory of each task."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}"]
    for name, task in tasks.items():
        usage = task["usage"]
        if usage:
            lines.append(f"| {name} | {usage['seconds']:.1f} | {usage['cpu']:.1f} | {usage['memory'] / 1e9:.2f} |")
    return "\n".join(lines)


def _write_config(folder: Path) -> Path:
    """Writes the settings of the demo's catalogue, with the epochs of the demo, and returns their path."""
    from diptych.pipeline.demo.digits import write_digits_catalogue

    folder.mkdir()
    catalogue = write_digits_catalogue(str(folder))
    config = folder / "diptych.yaml"
    config.write_text(json.dumps({"data": {"catalogue": catalogue}, "train": {"epochs": 6}}), encoding="utf-8")
    return config


if __name__ == "__main__":
    main()
