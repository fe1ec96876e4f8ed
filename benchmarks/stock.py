"""The demo's seconds by component, against the same DAG built as TFX's tutorials do: at most 0.4 of them."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.tools import ROOT, demo_command, make_parser, print_table, python_command, read_summary, run_timed

LIMIT = 0.4
_DEMO_SETTINGS = ROOT / "pipeline" / "demo" / "demo.yaml"
# Both sides train the same one; Diptych's default depends on the weights that are installed.
_NETWORK = "model.image.backbone=cnn"

# The rows of the table: the name of a component in the stock DAG, and in Diptych's.
_PAIRS: Sequence[tuple[str | None, str | None]] = (
    ("FileBasedExampleGen", "ImageTextExampleGen"),
    ("StatisticsGen", "StatisticsGen"),
    ("SchemaGen", "SchemaGen"),
    ("ExampleValidator", "ExampleValidator"),
    (None, "DataGate"),
    ("Transform", "Transform"),
    (None, "LinearBaseline"),
    ("Trainer", "Trainer"),
    ("latest_blessed_model_resolver", None),
    ("Evaluator", "Evaluator"),
    ("Pusher", "Pusher"),
)


@dataclass(frozen=True)
class RunResult:
    """One run: seconds by component, wall seconds of the whole process, and metrics on the test split."""

    seconds: Mapping[str, float]
    wall: float
    metrics: Mapping[str, float]

    @property
    def total(self) -> float:
        """The sum of the components' seconds."""
        return sum(self.seconds.values())


def main() -> int:
    """Runs both sides in turn; returns 1 if the median ratio is above the limit."""
    arguments = make_parser(__doc__, repeat=2)
    arguments.add_argument("--no-stock-jit", action="store_true", help="compile the stock network without XLA")
    arguments.add_argument("--stock-side", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.stock_side:
        _run_stock(options.stock_side, options.no_stock_jit)
        return 0
    # Fills byte code and file cache, which otherwise the first side would do for the other.
    run_timed(
        python_command(
            "-c",
            "import benchmarks.stock_dag, diptych.pipeline.dag, keras, sklearn.linear_model, pip._internal.cli.main",
        )
    )
    pairs = []
    for turn in range(options.repeat):
        pairs.append(_pair(turn, options.no_stock_jit))
        print(f"pair {turn + 1} of {options.repeat}: {_describe(*pairs[-1])}", flush=True)
    return _report(pairs)


def _pair(turn: int, no_stock_jit: bool) -> tuple[RunResult, RunResult]:
    """Runs stock and Diptych, each in a process and a folder of its own; they take turns in going first."""
    jit = ["--no-stock-jit"] if no_stock_jit else []
    with tempfile.TemporaryDirectory() as name:
        stock, diptych = Path(name, "stock"), Path(name, "diptych")
        stock.mkdir()
        commands = {
            stock: python_command("-m", "benchmarks.stock", "--stock-side", str(stock), *jit),
            # Early stopping is disabled, because the stock side has none and both must train for the same epochs.
            diptych: demo_command(diptych, "--set", f"train.patience={_epochs()}", "--set", _NETWORK),
        }
        walls = {folder: run_timed(commands[folder]) for folder in sorted(commands, reverse=turn % 2 == 0)}
        found = {folder: read_summary(folder) for folder in commands}
    first, second = (
        RunResult(found[side]["seconds"], walls[side], found[side]["metrics"]) for side in (stock, diptych)
    )
    return first, second


def _epochs() -> int:
    import yaml

    return int(yaml.safe_load(_DEMO_SETTINGS.read_text(encoding="utf-8"))["train"]["epochs"])


def _run_stock(folder: Path, no_jit: bool) -> None:
    from benchmarks import stock_dag
    from diptych.pipeline.demo.digits import write_digits_catalogue
    from diptych.pipeline.settings import load_settings

    catalogue = write_digits_catalogue(str(folder / "data"))
    settings = load_settings(str(_DEMO_SETTINGS), [f"data.catalogue={json.dumps(catalogue)}", _NETWORK])
    stock_dag.run(settings, str(folder), jit_compile=False if no_jit else "auto")


def _describe(stock: RunResult, diptych: RunResult) -> str:
    return (
        f"components {diptych.total:.1f} s against {stock.total:.1f} s, ratio {diptych.total / stock.total:.3f}; "
        f"wall {diptych.wall:.1f} s against {stock.wall:.1f} s; "
        f"accuracy {diptych.metrics['accuracy']:.4f} against {stock.metrics['accuracy']:.4f}"
    )


def _report(pairs: Sequence[tuple[RunResult, RunResult]]) -> int:
    rows: list[tuple[str, float | None, float | None, float | None]] = []
    for stock_name, name in _PAIRS:
        stock = median(pair[0].seconds[stock_name] for pair in pairs) if stock_name else None
        diptych = median(pair[1].seconds[name] for pair in pairs) if name else None
        rows.append((name or stock_name or "", stock, diptych, diptych / stock if stock and diptych else None))
    for title, measure in (("components", _total), ("wall", _wall)):
        stock, diptych = (median(measure(pair[side]) for pair in pairs) for side in (0, 1))
        ratio = median(measure(second) / measure(first) for first, second in pairs)
        rows.append((title, stock, diptych, ratio))
    print_table(f"Median of {len(pairs)}, in seconds", ("component", "stock", "diptych", "ratio"), rows)
    ratio = median(second.total / first.total for first, second in pairs)
    print(f"{'pass' if ratio <= LIMIT else 'FAIL'}: components {ratio:.3f} of the stock way, limit {LIMIT}")
    return int(ratio > LIMIT)


def _total(side: RunResult) -> float:
    return side.total


def _wall(side: RunResult) -> float:
    return side.wall


if __name__ == "__main__":
    raise SystemExit(main())
