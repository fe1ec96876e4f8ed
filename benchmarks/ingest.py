"""Ingestion: rows per second against the blog's loop, img2dataset, Hugging Face datasets, TFDS and WebDataset."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.ingest_peers.run import SECONDS_FILE
from benchmarks.peer_environment import peer_program
from benchmarks.photographs import Photographs, cached_photographs, copy_images
from benchmarks.tools import BenchmarkError, make_parser, print_table, python_command, run_timed

LIMIT = 2.5
_WARM_UP = Photographs(200)


@dataclass(frozen=True)
class Contender:
    """One way to turn the catalogue into a dataset.

    Attributes:
        title: its name in the table.
        module: a module of ``benchmarks.ingest_peers``; its documentation says how the result differs.
        ours: whether it runs in Diptych's environment; the others run in that of ``benchmarks.peer_environment``.
        same_pixels: whether its pixels can be compared with the blog's.
    """

    title: str
    module: str
    ours: bool = False
    same_pixels: bool = True

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command that runs a module of ``benchmarks.ingest_peers`` in the contender's environment."""
        call = ["-m", f"benchmarks.ingest_peers.{module}", *arguments]
        return python_command(*call) if self.ours else [peer_program("python"), *call]


BLOG = Contender("the blog's loop", "blog", ours=True)
DIPTYCH = Contender("Diptych", "diptych", ours=True)
PEERS = (
    Contender("img2dataset", "img_to_dataset", same_pixels=False),
    Contender("Hugging Face", "hugging_face"),
    Contender("TFDS", "tfds_writer"),
    Contender("WebDataset", "web_dataset"),
)


@dataclass(frozen=True)
class RunSeconds:
    """Seconds of one run: of the whole process, and of the work without the start of Python and imports."""

    process: float
    work: float


@dataclass(frozen=True)
class OutputSample:
    """What a run wrote: the number of records, and the pixels of some of them, uint8 ``[images, 128, 128, 3]``."""

    count: int
    images: list[str]
    pixels: Any


Runs = Mapping[Contender, Sequence[RunSeconds]]


def main() -> int:
    """Runs the contenders in turn; returns 1 if Diptych is slower than it should be."""
    options = _parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalogue = _catalogue(options, folder)
        if options.profile:
            from benchmarks.ingest_profile import profile

            profile(catalogue, folder)
            return 0
        contenders = [BLOG, DIPTYCH, *(peer for peer in PEERS if peer.module in options.peers)]
        runs, found = _rounds(contenders, catalogue, folder, options.repeat)
    return _report(runs, found)


def _parse() -> argparse.Namespace:
    modules = [peer.module for peer in PEERS]
    arguments = make_parser(__doc__, repeat=3)
    arguments.add_argument("--images", type=Path, help="a folder of images to ingest instead of made photographs")
    arguments.add_argument("--rows", type=int, default=20_000, help="how many images (default: %(default)s)")
    arguments.add_argument("--peers", nargs="*", choices=modules, default=modules, help="against these only")
    arguments.add_argument("--profile", action="store_true", help="only show where Diptych's time goes")
    return arguments.parse_args()


def _catalogue(options: argparse.Namespace, folder: Path) -> Path:
    """The path of the catalogue to ingest; every image of it is in the file cache."""
    if options.images:
        catalogue = copy_images(options.images, folder / "given", options.rows)
    else:
        catalogue = cached_photographs(Photographs(options.rows))
    for path in catalogue.parent.rglob("*"):
        if path.is_file():
            path.read_bytes()
    return catalogue


def _rounds(
    contenders: Sequence[Contender], catalogue: Path, folder: Path, repeat: int
) -> tuple[Runs, Mapping[Contender, OutputSample]]:
    """Runs all contenders in turn, every second round in reverse order, and samples what each writes first."""
    out = folder / "out"
    warm_up = cached_photographs(_WARM_UP)
    for contender in contenders:
        # Fills byte code and file cache, which otherwise the first contender would do for the others.
        run_contender(contender, warm_up, out)
    runs: dict[Contender, list[RunSeconds]] = {contender: [] for contender in contenders}
    found: dict[Contender, OutputSample] = {}
    for turn in range(repeat):
        for contender in contenders[:: -1 if turn % 2 else 1]:
            runs[contender].append(run_contender(contender, catalogue, out))
            if contender not in found:
                found[contender] = _inspect_output(contender, out, folder / "found.npz")
            print(f"round {turn + 1} of {repeat}: {contender.title}, {runs[contender][-1]}", flush=True)
    return runs, found


def run_contender(contender: Contender, catalogue: Path, out: Path) -> RunSeconds:
    """Runs a contender on a catalogue; what was in ``out`` is removed."""
    shutil.rmtree(out, ignore_errors=True)
    # The disk must not still be busy with what the contender before has written.
    os.sync()
    process = run_timed(contender.command("run", contender.module, str(catalogue), str(out)))
    return RunSeconds(process, float((out / SECONDS_FILE).read_text(encoding="utf-8")))


def _inspect_output(contender: Contender, out: Path, file: Path) -> OutputSample:
    run_timed(contender.command("inspect_output", contender.module, str(out), str(file)))
    with np.load(file) as values:
        return OutputSample(int(values["count"]), values["images"].tolist(), values["pixels"])


def _report(runs: Runs, found: Mapping[Contender, OutputSample]) -> int:
    rows = found[BLOG].count
    works, processes = (_ratios(runs, measure) for measure in (_work, _process))
    table = [
        (
            contender.title,
            rows / median(map(_work, runs[contender])),
            works[contender],
            rows / median(map(_process, runs[contender])),
            processes[contender],
            found[contender].count,
            _difference(found[contender], found[BLOG]) if contender.same_pixels else None,
        )
        for contender in runs
    ]
    columns = ("contender", "rows/s", "ratio", "with start", "ratio", "records", "pixels off")
    print_table(f"{rows:,} rows, median of {len(runs[BLOG])} rounds; ratios to the blog's loop", columns, table)
    if lost := [contender.title for contender in found if found[contender].count != rows]:
        raise BenchmarkError(f"not every row became a record: {', '.join(lost)}")
    return _print_verdict(works)


def _work(run: RunSeconds) -> float:
    return run.work


def _process(run: RunSeconds) -> float:
    return run.process


def _ratios(runs: Runs, measure: Callable[[RunSeconds], float]) -> dict[Contender, float]:
    """How many times as fast as the blog's loop each contender is: the median of the ratios of all rounds."""
    return {
        contender: median(measure(blog) / measure(run) for blog, run in zip(runs[BLOG], runs[contender], strict=True))
        for contender in runs
    }


def _difference(found: OutputSample, blog: OutputSample) -> float:
    """The mean absolute difference of the pixels of two samples, in levels of 255.

    Raises:
        BenchmarkError: the samples hold different images.
    """
    if found.images != blog.images:
        raise BenchmarkError(f"not the images of the blog's loop: {found.images[:3]}... for {blog.images[:3]}...")
    return float(np.abs(found.pixels.astype(np.int16) - blog.pixels).mean())


def _print_verdict(ratios: Mapping[Contender, float]) -> int:
    ours = ratios[DIPTYCH]
    ahead = [contender.title for contender in ratios if contender is not DIPTYCH and ratios[contender] >= ours]
    passed = ours >= LIMIT and not ahead
    print(
        f"{'pass' if passed else 'FAIL'}: {ours:.2f} times the blog's loop, at least {LIMIT}; "
        f"ahead of Diptych: {', '.join(ahead) or 'none'}"
    )
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
