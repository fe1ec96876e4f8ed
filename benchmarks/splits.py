"""Duplicates and splits of many records: in memory, with files, and by a GroupByKey of Beam's local runner."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from benchmarks.memory import PeakMemory, measure_peak_memory
from benchmarks.split_paths import PATHS, RESULT_FILE, write_indexes
from benchmarks.tools import make_parser, print_table, python_command

_COLUMNS = ("path", "CPU seconds", "CPU µs a row", "peak, MB", "above start, MB", "files, bytes a row")


def main() -> None:
    """Generates indexes of chunks, as decoding would leave them, and takes each path in a process of its own."""
    arguments = make_parser(__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000, help="default: %(default)s")
    arguments.add_argument("--near", choices=["keep", "together", "drop"], default="keep", help="default: %(default)s")
    arguments.add_argument("--paths", nargs="+", choices=list(PATHS), default=list(PATHS), help="default: all")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        indexes = Path(folder, "indexes")
        write_indexes(indexes, options.rows)
        rows = [_measure(path, indexes, Path(folder, path), options.near) for path in options.paths]
    title = f"{options.rows:,} rows, data.duplicates.near: {options.near}"
    print_table(title, _COLUMNS, [(path, *_row(peak, result, options.rows)) for path, peak, result in rows])
    digests = {result["digest"] for _, _, result in rows if result["digest"]}
    print("the same split and reason for every row" if len(digests) == 1 else f"FAIL: {len(digests)} different results")


def _measure(path: str, indexes: Path, folder: Path, near: str) -> tuple[str, PeakMemory, dict[str, float]]:
    folder.mkdir()
    peak = measure_peak_memory(python_command("-m", "benchmarks.split_paths", path, str(indexes), str(folder), near))
    print(f"{path}: {peak}", flush=True)
    return path, peak, json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))


def _row(peak: PeakMemory, result: dict[str, float], rows: int) -> tuple[float, ...]:
    return (
        result["seconds"],
        1e6 * result["seconds"] / rows,
        peak.total / 1e6,
        (peak.total - result["start_bytes"]) / 1e6,
        result["file_bytes"] / rows,
    )


if __name__ == "__main__":
    main()
