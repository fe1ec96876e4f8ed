"""Seconds and size of the report at 1,000, 10,000 and 100,000 rows.

The whole command is measured, imports included. The examples are images of 32 x 32 pixels of noise, which no encoding
can compress, with 40 labels and texts of twelve words. There is no model, because the report scores at most a thousand
rows, however many there are.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tools import BenchmarkError, make_parser, print_table, python_command, run_timed
from diptych.components.artifacts import ACCOUNT_FILE, REJECTS_FILE, REPORT_FILE, STATISTICS_FILE
from diptych.models import features
from diptych.models.images.options import ImageOptions

_IMAGE = ImageOptions(height=32, width=32)
_LABELS, _WORDS, _VOCABULARY_SIZE = 40, 12, 5_000
_SHARES = {features.TRAIN: 0.8, features.VAL: 0.1, features.TEST: 0.1}
_MAX_BYTES, _MAX_BYTES_ROWS = 5_000_000, 10_000
_REPORT = "import sys; from diptych.pipeline.runs.report import write_report; write_report(sys.argv[1])"


def main() -> int:
    """Prints the table; returns 1 if time grows as fast as rows, or if the report of 10,000 rows exceeds 5 MB."""
    options = _options()
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in options.rows:
            run = Path(folder) / str(rows)
            write_run(run, rows)
            seconds = sorted(run_timed(python_command("-c", _REPORT, str(run))) for _ in range(options.repeat))
            measured.append((rows, seconds[len(seconds) // 2], os.path.getsize(run / REPORT_FILE)))
    return _print_results(measured)


def _options() -> Any:
    made = make_parser(__doc__, repeat=3)
    made.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="default: %(default)s")
    return made.parse_args()


def _print_results(measured: list[tuple[int, float, int]]) -> int:
    few, shortest, _ = measured[0]
    table = [(f"{r:,}", s, s / shortest, r / few, f"{size / 1e6:.2f}") for r, s, size in measured]
    print_table("diptych report", ["rows", "seconds", "ratio", "rows' ratio", "MB"], table)
    slow = any(seconds / shortest >= rows / few for rows, seconds, _ in measured[1:])
    large = any(size > _MAX_BYTES for rows, _, size in measured if rows <= _MAX_BYTES_ROWS)
    return int(slow or large)


def write_run(run: Path, rows: int) -> None:
    """Writes a run's folder with examples, rejects and statistics.

    Raises:
        BenchmarkError: there are too few rows to give each split one.
    """
    counts = {split: int(rows * share) for split, share in _SHARES.items()}
    if not all(counts.values()):
        raise BenchmarkError(f"{rows} rows are too few: each split needs one")
    random = np.random.default_rng(0)
    labels: dict[str, dict[str, int]] = {f"label {n}": dict.fromkeys(counts, 0) for n in range(_LABELS)}
    for split, count in counts.items():
        values = list(_records(split, count, random))
        for record in values:
            labels[record[features.LABEL]][split] += 1
        _write(run / "artifacts" / "ImageTextExampleGen" / "examples" / "1" / f"Split-{split}", values)
        _write_statistics(run / "artifacts" / "StatisticsGen" / "statistics" / "1" / f"Split-{split}", values)
    rejects = run / "artifacts" / "ImageTextExampleGen" / "rejects" / "1"
    rejects.mkdir(parents=True)
    refused = rows // 100
    line = {"source": "c.csv", "row": 1, "id": "row", "image": "a.png", "reason": "missing_file", "detail": "no a.png"}
    (rejects / REJECTS_FILE).write_text((json.dumps(line) + "\n") * refused)
    account = {"rows": sum(counts.values()) + refused, "examples": counts, "rejects": {"missing_file": refused}}
    account |= {"labels": labels, "image": _IMAGE.model_dump()}
    (rejects / ACCOUNT_FILE).write_text(json.dumps(account))


def _records(split: str, count: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    for number in range(count):
        pixels = random.integers(0, 256, (_IMAGE.height, _IMAGE.width, 3), np.uint8)
        health = random.normal(100, 20, 4).tolist()
        yield {
            features.ID: f"{split}/{number}.png",
            features.IMAGE: pixels.tobytes(),
            features.DESCRIPTION: " ".join(f"word{n}" for n in random.integers(0, _VOCABULARY_SIZE, _WORDS)),
            features.LABEL: f"label {random.integers(_LABELS)}",
            features.ENCODING: _IMAGE.encoding,
            # One row in a hundred has the image of another row.
            features.SHA256: f"{split if number % 100 else ''}{number}",
            features.PHASH: int(random.integers(-(2**63), 2**63 - 1)),
            features.WIDTH: int(random.integers(100, 2000)),
            features.HEIGHT: int(random.integers(100, 2000)),
            features.FORMAT: "JPEG",
            features.FILE_BYTES: int(random.integers(1_000, 900_000)),
            **dict(
                zip((features.BRIGHTNESS, features.CONTRAST, features.SHARPNESS, features.ENTROPY), health, strict=True)
            ),
        }


def _write(folder: Path, values: list[dict[str, Any]]) -> None:
    import tensorflow as tf

    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data.tfrecord")) as writer:
        for record in values:
            writer.write(features.encode_record(record))


def _write_statistics(folder: Path, values: list[dict[str, Any]]) -> None:
    """Writes statistics of the first thousand rows; their size hardly depends on the number of rows."""
    import pandas as pd
    import tensorflow_data_validation as tfdv

    frame = pd.DataFrame(
        [{name: v for name, v in record.items() if name != features.IMAGE} for record in values[:1000]]
    )
    folder.mkdir(parents=True)
    (folder / STATISTICS_FILE).write_bytes(tfdv.generate_statistics_from_dataframe(frame).SerializeToString())


if __name__ == "__main__":
    sys.exit(main())
