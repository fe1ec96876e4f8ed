"""Runs the datasets and compares the network with the linear models."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import benchmarks.defaults
from benchmarks.defaults.datasets import DATASETS, Dataset
from benchmarks.defaults.results import Results, Run, to_markdown, to_run
from benchmarks.tools import make_parser, python_command, read_summary, run_timed
from diptych.pipeline.settings import load_settings

#: The name of a dataset and a seed.
Key = tuple[str, int]


def main() -> None:
    """Runs each dataset with each seed in a folder of its own, prints what was reached, and compares it."""
    options = _parse()
    kept = _read(options.results)
    results = []
    for name in options.datasets:
        dataset = DATASETS[name]
        runs = []
        for seed in range(options.seeds):
            if (name, seed) not in kept:
                kept[name, seed] = _run(dataset, seed)
                _write(options.results, kept)
            runs.append(kept[name, seed])
            print(f"{name}, seed {seed}: {runs[-1].describe()}", flush=True)
        results.append(Results(name, dataset.about, runs))
        results[-1].show()
    if options.markdown:
        print(to_markdown(results))


def _parse() -> argparse.Namespace:
    arguments = make_parser(benchmarks.defaults.__doc__)
    arguments.add_argument("--datasets", nargs="*", choices=list(DATASETS), default=list(DATASETS))
    arguments.add_argument("--seeds", type=int, default=3, help="of splits, weights and shuffling (default: 3)")
    arguments.add_argument("--markdown", action="store_true", help="also print the table of the documentation")
    arguments.add_argument("--results", type=Path, help="a file that keeps the runs; what it holds is not run again")
    return arguments.parse_args()


def _run(dataset: Dataset, seed: int) -> Run:
    catalogue = str(dataset.catalogue())
    changes = [f"--set={change}" for change in (*dataset.changes, f"data.seed={seed}", f"train.seed={seed}")]
    with tempfile.TemporaryDirectory() as name:
        folder, settings = Path(name, "run"), str(Path(name, "diptych.yaml"))
        wall = run_timed(python_command("-m", "diptych", "init", catalogue, "--output", settings))
        wall += run_timed(python_command("-m", "diptych", "run", settings, "--output", str(folder), *changes))
        return to_run(read_summary(folder), load_settings(settings).train.task, wall)


def _read(path: Path | None) -> dict[Key, Run]:
    if path is None or not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {(item["dataset"], item["seed"]): Run(**item["run"]) for item in kept}


def _write(path: Path | None, kept: dict[Key, Run]) -> None:
    if path is not None:
        items = [{"dataset": name, "seed": seed, "run": asdict(run)} for (name, seed), run in kept.items()]
        path.write_text(json.dumps(items, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
