"""Ingestion of 10,000 and 100,000 rows: memory may grow to 1.2 times, the cost of a row to 1.1 times.

With ``--small``, of 10,000 and a million images of 32 x 32 pixels: of so many rows, what is held of each shows, and may
be 1,000 bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.ingest_peers.run import SECONDS_FILE
from benchmarks.load import Load, write_catalogue
from benchmarks.memory import PeakMemory, measure_peak_memory
from benchmarks.photographs import CATALOGUE, Photographs, cached_photographs
from benchmarks.tools import make_parser, print_table, python_command

MEMORY_LIMIT = 1.2
COST_LIMIT = 1.1
#: Of so many rows, what duplicates and splits hold of each is seen beside the rest.
_MANY_ROWS, ROW_BYTES_LIMIT = 500_000, 1_000
_WIDTH, _HEIGHT = 160, 120


@dataclass(frozen=True)
class Measurement:
    """Peak memory, and microseconds for each row, without the start of Python and imports."""

    peak: PeakMemory
    cost: float


def main() -> int:
    """Runs both sizes in turn; returns 1 if a ratio is above its limit."""
    arguments = make_parser(__doc__, repeat=1)
    arguments.add_argument("--rows", type=int, nargs=2, help="default: 10000 100000, of small images 10000 1000000")
    arguments.add_argument("--small", action="store_true", help="images of 32 x 32 pixels")
    options = arguments.parse_args()
    few, many = options.rows or (10_000, 1_000_000 if options.small else 100_000)
    contender = "diptych_small" if options.small else "diptych"
    catalogues = {rows: _small_images(rows) if options.small else _photographs(rows) for rows in (few, many)}
    measured: dict[int, list[Measurement]] = {rows: [] for rows in catalogues}
    for turn in range(options.repeat):
        for rows, catalogue in catalogues.items():
            measured[rows].append(_measure(contender, rows, catalogue))
            print(f"turn {turn + 1} of {options.repeat}: {rows:,} rows, {measured[rows][-1]}", flush=True)
    return _report(few, many, *measured.values())


def _photographs(rows: int) -> Path:
    return cached_photographs(Photographs(rows, _WIDTH, _HEIGHT))


def _small_images(rows: int) -> Path:
    """The path of a catalogue of such images in the folder for temporary files; it is made at the first call."""
    folder = Path(tempfile.gettempdir(), f"diptych-small-images-{rows}")
    if not folder.exists():
        partial = folder.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        print(f"making {rows:,} small images in {folder}", flush=True)
        write_catalogue(partial, Load(rows))
        partial.rename(folder)
    return folder / CATALOGUE


def _measure(contender: str, rows: int, catalogue: Path) -> Measurement:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name, "out")
        peak = measure_peak_memory(
            python_command("-m", "benchmarks.ingest_peers.run", contender, str(catalogue), str(out))
        )
        seconds = float((out / SECONDS_FILE).read_text(encoding="utf-8"))
        shutil.rmtree(out)
    return Measurement(peak, 1e6 * seconds / rows)


def _report(few: int, many: int, small: Sequence[Measurement], large: Sequence[Measurement]) -> int:
    total = [median(one.peak.total / 1e6 for one in side) for side in (small, large)]
    largest = [median(one.peak.largest / 1e6 for one in side) for side in (small, large)]
    cost = [median(one.cost for one in side) for side in (small, large)]
    table = [
        ("peak memory of all processes, MB", *total, total[1] / total[0]),
        ("peak memory of the largest, MB", *largest, largest[1] / largest[0]),
        ("cost of a row, microseconds", *cost, cost[1] / cost[0]),
    ]
    print_table(f"Ingestion, median of {len(small)}", ("measure", f"{few:,} rows", f"{many:,} rows", "ratio"), table)
    of_row = 1e6 * (total[1] - total[0]) / (many - few)
    is_flat = total[1] / total[0] <= MEMORY_LIMIT or of_row <= ROW_BYTES_LIMIT and many >= _MANY_ROWS
    passed = is_flat and cost[1] / cost[0] <= COST_LIMIT
    print(
        f"{'pass' if passed else 'FAIL'}: {of_row:,.0f} bytes for each further row; memory at most {MEMORY_LIMIT}, "
        f"or {ROW_BYTES_LIMIT:,} bytes a row of {_MANY_ROWS:,} or more; cost of a row at most {COST_LIMIT}"
    )
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
