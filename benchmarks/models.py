"""Compares trained models over three seeds: majority label, linear text, and networks of image, text and both."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.tools import ROOT, demo_command, make_parser, print_table, python_command, read_summary, run_timed

_EXAMPLES = ROOT / "examples"
DATASETS = {
    "demo": None,
    "emoji label": _EXAMPLES / "emoji.yaml",
    "emoji subgroup": _EXAMPLES / "emoji-subgroup.yaml",
}
# The joint network comes last, because its gain over the others is the question.
NETWORKS = {
    "image network": ["model.text=null"],
    "text network": ["model.image=null"],
    "joint network": [],
}
FIGURES = ("accuracy", "macro_f1")

Figures = Mapping[str, float]


def main() -> None:
    """Runs the pipeline for each dataset, seed and network; steps that do not depend on the network run once a seed."""
    options = _parse()
    for dataset in options.datasets:
        found: dict[str, list[Figures]] = defaultdict(list)
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as name:
                for model, figures in _run(dataset, seed, options.networks, Path(name)).items():
                    found[model].append(figures)
                    print(f"{dataset}, seed {seed}: {model} {_describe(figures)}", flush=True)
        _show(dataset, options.seeds, found)


def _parse() -> argparse.Namespace:
    arguments = make_parser(__doc__)
    arguments.add_argument("--datasets", nargs="*", choices=list(DATASETS), default=list(DATASETS))
    arguments.add_argument("--networks", nargs="*", choices=list(NETWORKS), default=list(NETWORKS))
    arguments.add_argument("--seeds", type=int, default=3, help="of splits, weights and shuffling (default: 3)")
    return arguments.parse_args()


def _run(dataset: str, seed: int, networks: Sequence[str], folder: Path) -> dict[str, Figures]:
    """The test figures of each model for one seed."""
    found: dict[str, Figures] = {}
    for network in networks:
        seeds = [f"data.seed={seed}", f"train.seed={seed}"]
        changes = [f"--set={change}" for change in (*seeds, *NETWORKS[network])]
        # The new network must not be compared with a model of other inputs.
        shutil.rmtree(folder / "pushed", ignore_errors=True)
        run_timed(_command(dataset, folder, changes))
        summary = read_summary(folder)
        found.setdefault("majority", _majority(summary["labels"]))
        found.setdefault("linear text", summary["baseline"])
        found[network] = summary["metrics"]
    return found


def _command(dataset: str, folder: Path, changes: Sequence[str]) -> list[str]:
    settings = DATASETS[dataset]
    if settings is None:
        return demo_command(folder, *changes)
    return python_command("-m", "diptych", "run", str(settings), "--output", str(folder), *changes)


def _majority(labels: Mapping[str, Mapping[str, int]]) -> Figures:
    """The figures of a model that always predicts the most frequent label of train."""
    answer = max(labels, key=lambda label: labels[label].get("train", 0))
    test = {label: counts["test"] for label, counts in labels.items() if counts.get("test")}
    right = test.get(answer, 0)
    f1 = 2 * right / (right + sum(test.values()))
    return {"accuracy": right / sum(test.values()), "macro_f1": f1 / len({*test, answer})}


def _describe(figures: Figures) -> str:
    return ", ".join(f"{name} {figures[name]:.4f}" for name in FIGURES)


def _show(dataset: str, seeds: int, found: Mapping[str, Sequence[Figures]]) -> None:
    rows: list[tuple[Any, ...]] = []
    for model, of_seeds in found.items():
        cells = []
        for name in FIGURES:
            values = [figures[name] for figures in of_seeds]
            cells.append(f"{mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")
        rows.append((model, *cells))
    print_table(f"{dataset}: test figures, mean of {seeds} seeds (least to greatest)", ("model", *FIGURES), rows)


if __name__ == "__main__":
    main()
