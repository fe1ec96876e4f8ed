"""What stays in one pod of a fan-out: CPU seconds, memory and disk of few rows and of many, without decoding."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.memory import measure_peak_memory
from benchmarks.tools import make_parser, print_table, python_command

if TYPE_CHECKING:
    from diptych.components.catalogue.readers.rows import Chunk

_ROWS_PER_CHUNK = 4096
_SIDE = 32
_LABELS = 100
# One row in so many repeats the image, text and label of an earlier one.
_REPEATS = 100
_STEPS = ("ImageTextExampleGen", "StatisticsGen")


@dataclass(frozen=True)
class Measurement:
    """What a step took.

    Attributes:
        seconds: processor time of its executor, without the start of Python and imports.
        memory: peak of all its processes, in bytes.
        disk: bytes of what it read and of what it wrote, all at once.
    """

    seconds: float
    memory: int
    disk: int


def main() -> int:
    """Measures both steps at each number of rows."""
    arguments = make_parser(__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=(100_000, 1_000_000), help="default: %(default)s")
    arguments.add_argument("--step", choices=_STEPS, help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.step:
        _run_step(options.step, options.folder)
        return 0
    table = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_slice(folder, rows)
            for step in _STEPS:
                one = _measure(step, folder)
                table.append((step, rows, one.seconds, 1e6 * one.seconds / rows, one.memory / 1e9, one.disk / 1e9))
                print(f"{rows:,} rows, {step}: {one}", flush=True)
    head = ("step", "rows", "CPU seconds", "microseconds a row", "memory, GB", "disk, GB")
    print_table(f"One pod, records of {_SIDE} x {_SIDE} pixels", head, table)
    return 0


def write_slice(folder: Path, rows: int) -> None:
    """Writes a catalogue of a header alone, and the one slice of it that a pod might have decoded."""
    from diptych.components.catalogue.readers.rows import Chunk
    from diptych.components.catalogue.slices import Slice
    from diptych.components.example_gen.chunk_decoding import json_line, work_file

    (folder / "catalogue.csv").write_text("image,description,label\n", encoding="utf-8")
    made = folder / "slice"
    made.mkdir()
    with (made / "chunks.jsonl").open("wb") as lines:
        for first in range(1, rows + 1, _ROWS_PER_CHUNK):
            chunk = Chunk(0, first, min(_ROWS_PER_CHUNK, rows - first + 1), "catalogue.csv", 0, 0)
            _write_chunk(chunk, made)
            fields = {name: getattr(chunk, name) for name in ("source_index", "first_row", "rows", "start", "stop")}
            labels = [[str(label)] for label in range(_LABELS)]
            lines.write(json_line({**fields, "records": chunk.rows, "labels": labels}))
            results = ({"row": row, "id": str(row), "image": f"{row}.jpg"} for row in _rows_of(chunk))
            Path(work_file(str(made), chunk, ".jsonl")).write_bytes(b"".join(map(json_line, results)))
    part = Slice(1, 1, "catalogue.csv", 0, 1, rows, "")
    (made / "slice.json").write_text(json.dumps(asdict(part)), encoding="utf-8")


def _rows_of(chunk: Chunk) -> range:
    return range(chunk.first_row, chunk.first_row + chunk.rows)


def _write_chunk(chunk: Chunk, folder: Path) -> None:
    """Writes the records of a chunk and their index, as if they had been decoded."""
    from diptych.components.example_gen.chunk_decoding import work_file
    from diptych.components.example_gen.record_index import ENTRY_DTYPE, NO_SPLIT, digest_texts
    from diptych.models import features
    from diptych.models.tfrecord_framing import frame_record

    entries = []
    with open(work_file(str(folder), chunk, ".tfrecord"), "wb") as file:
        for row, values in zip(_rows_of(chunk), _values_of(_rows_of(chunk)), strict=True):
            framed = frame_record(features.encode_record(values))
            file.write(framed)
            content = digest_texts(values[features.SHA256], values[features.DESCRIPTION], values[features.LABEL][0])
            pixels, label = bytes.fromhex(values[features.SHA256])[:16], digest_texts(*values[features.LABEL])
            phash = values[features.PHASH]
            entries.append((row, len(framed), digest_texts(str(row)), pixels, phash, content, b"", label, NO_SPLIT))
    with open(work_file(str(folder), chunk, ".npy"), "wb") as table:
        np.save(table, np.array(entries, ENTRY_DTYPE), allow_pickle=False)


def _values_of(rows: range) -> Iterator[dict[str, Any]]:
    from diptych.models import features

    random = np.random.default_rng(rows.start)
    image = random.bytes(_SIDE * _SIDE * 3)
    for row in rows:
        content = row - 1 if row % _REPEATS == 0 else row
        yield {
            features.ID: str(row),
            features.IMAGE: image,
            features.DESCRIPTION: f"text of row {content}",
            features.LABEL: (str(content % _LABELS),),
            features.GROUP: None,
            features.ENCODING: "raw",
            features.SHA256: f"{content * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**256:064x}"[::-1],
            features.PHASH: int(np.random.default_rng(content).integers(-(2**63), 2**63 - 1)),
            features.WIDTH: 640,
            features.HEIGHT: 480,
            features.FORMAT: "JPEG",
            features.FILE_BYTES: 60_000 + content % 9973,
            features.BRIGHTNESS: float(content % 251),
            features.CONTRAST: float(content % 127),
            features.SHARPNESS: float(content % 521),
            features.ENTROPY: float(content % 7),
        }


def _measure(step: str, folder: Path) -> Measurement:
    peak = measure_peak_memory(python_command("-m", "benchmarks.one_pod", "--step", step, "--folder", str(folder)))
    seconds = float((folder / f"{step}.seconds").read_text(encoding="utf-8"))
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Measurement(seconds, peak.total, disk)


def _run_step(step: str, folder: Path) -> None:
    """Runs the executor of a step in this process, and writes its seconds beside its results."""
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

    context = BaseBeamExecutor.Context(beam_pipeline_args=[], tmp_dir=str(folder / "tmp"), unique_id="1")
    run = {"ImageTextExampleGen": _ingest, "StatisticsGen": _compute_statistics}[step]
    started = time.process_time()
    run(folder, context)
    (folder / f"{step}.seconds").write_text(str(time.process_time() - started), encoding="utf-8")


def _examples(folder: Path) -> Any:
    from tfx.types import artifact_utils, standard_artifacts

    from diptych.models.features import SPLITS

    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(folder / "examples"), artifact_utils.encode_split_names(list(SPLITS))
    return examples


def _ingest(folder: Path, context: Any) -> None:
    from diptych.components.artifact_types import DecodedSlice, Rejects
    from diptych.components.catalogue.options import DataOptions
    from diptych.components.example_gen.driver import standard_input
    from diptych.components.example_gen.executor import ImageTextExampleGenExecutor
    from diptych.models.images.options import ImageOptions

    decoded, rejects = DecodedSlice(), Rejects()
    decoded.uri, rejects.uri = str(folder / "slice"), str(folder / "rejects")
    data = DataOptions(catalogue=str(folder / "catalogue.csv"))
    properties = {
        **standard_input(data.catalogue),
        "data_options": data.model_dump_json(exclude={"catalogue"}),
        "image_options": ImageOptions(height=_SIDE, width=_SIDE).model_dump_json(),
    }
    outputs = {"examples": [_examples(folder)], "rejects": [rejects]}
    ImageTextExampleGenExecutor(context).Do({"slices": [decoded]}, outputs, properties)


def _compute_statistics(folder: Path, context: Any) -> None:
    import tensorflow_data_validation as tfdv
    from tfx.types import standard_artifacts

    from diptych.components.statistics_gen.executor import StatisticsGenExecutor
    from diptych.models.features import STATISTICS_FEATURES

    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder / "statistics")
    options = tfdv.StatsOptions(feature_allowlist=list(STATISTICS_FEATURES)).to_json()
    inputs, outputs = {"examples": [_examples(folder)]}, {"statistics": [statistics]}
    properties = {"stats_options_json": options, "exclude_splits": "[]"}
    StatisticsGenExecutor(context).Do(inputs, outputs, properties)


if __name__ == "__main__":
    raise SystemExit(main())
