"""What catalogues take that would fill memory or disk, and what is said of them."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import threading
import time
from argparse import BooleanOptionalAction
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.bomb_files import BOMBS
from benchmarks.tools import make_parser, print_table
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions, Limits
from diptych.models.errors import DiptychError
from diptych.models.machine_memory import peak_memory, release_memory, restart_peak_memory
from diptych.pipeline.prepare.preview import preview_catalogue

_POLL_SECONDS = 0.02
_SAMPLED_ROWS = 1000

#: What is done with a catalogue; returns what is said of it.
Use = Callable[[DataOptions], str]


@dataclass
class Measured:
    """What a bomb took. Sizes are in megabytes.

    Attributes:
        file: what its files take on the disk.
        memory: peak of the process, with its libraries.
        child: peak of a process that it started, if it started one.
        scratch: peak of the copies in the folder of temporary files.
        said: the refusal, or the problem of the first row; empty if there is none.
    """

    bomb: str
    file: float
    memory: float
    child: float
    scratch: float
    seconds: float
    said: str


def measure(name: str, size: int, limits: Limits, uses: Sequence[Use]) -> Measured:
    """Writes a bomb that unpacks to about so many bytes, and uses it."""
    with tempfile.TemporaryDirectory(prefix="bomb-") as folder:
        catalogue = BOMBS[name](Path(folder), size)
        on_disk = _taken(folder)
        names = "classes.yaml" if name.startswith("classes.yaml") else None
        data = DataOptions(catalogue=str(catalogue), limits=limits, class_names=names)
        started = time.monotonic()
        with _polled_scratch() as peak:
            release_memory()
            restart_peak_memory()
            said = [use(data) for use in uses]
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3 if name.startswith("xlsx") else 0
        seconds = time.monotonic() - started
        return Measured(
            name, on_disk / 1e6, (peak_memory() or 0) / 1e6, child, peak[0] / 1e6, seconds, next(filter(None, said), "")
        )


def preview(data: DataOptions) -> str:
    """Reads a catalogue as ``diptych init`` does, which has the default limits; returns what is said."""
    try:
        preview_catalogue(data.catalogue)
    except DiptychError as error:
        return str(error)
    return ""


def read(data: DataOptions) -> str:
    """Reads a sample and all rows of a catalogue, as a run does; returns the refusal, or the first row's problem."""
    problem = None
    try:
        catalogue = Catalogue.open(data)
        catalogue.sample(_SAMPLED_ROWS)
        for _, row in catalogue.rows():
            problem = problem or row.problem
    except DiptychError as error:
        return str(error)
    return ": ".join(problem) if problem else ""


@contextmanager
def _polled_scratch() -> Iterator[list[int]]:
    """A list of the most that files in a folder of temporary files have taken, which is measured all the while."""
    peak, done = [0], threading.Event()
    with tempfile.TemporaryDirectory(prefix="bomb-scratch-") as folder:
        before, os.environ["TMPDIR"], tempfile.tempdir = os.environ.get("TMPDIR"), folder, folder

        def poll() -> None:
            while not done.wait(_POLL_SECONDS):
                peak[0] = max(peak[0], _taken(folder))

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            yield peak
        finally:
            done.set()
            thread.join()
            tempfile.tempdir = None
            del os.environ["TMPDIR"]
            if before is not None:
                os.environ["TMPDIR"] = before


def _taken(folder: str) -> int:
    """The bytes that the files below a folder take, and those that this process has open but have no name."""
    found = {}
    paths = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names]
    for path in [*paths, *(f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))]:
        try:
            if os.path.realpath(path).startswith(folder):
                status = os.stat(path)
                found[status.st_ino] = status.st_blocks * 512
        except OSError:
            continue
    return sum(found.values())


def main() -> None:
    """Prints a table of bombs; with ``--json`` a line of JSON for each."""
    parser = make_parser(__doc__)
    parser.add_argument("--mb", type=float, default=1500, help="what a bomb unpacks to (default: %(default)s)")
    parser.add_argument("--memory-mb", type=float, default=800, help="data.limits.memory_mb (default: %(default)s)")
    parser.add_argument("--scratch-gb", type=float, default=1, help="data.limits.scratch_gb (default: %(default)s)")
    parser.add_argument("--only", default="", help="bombs whose names hold this text")
    parser.add_argument("--init", action=BooleanOptionalAction, default=True, help="whether init reads them, too")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each")
    given = parser.parse_args()
    limits = Limits(memory_mb=given.memory_mb, scratch_gb=given.scratch_gb)
    uses = [read, preview] if given.init else [read]
    found = []
    for name in BOMBS:
        if given.only not in name:
            continue
        found.append(measure(name, int(given.mb * 1e6), limits, uses))
        if given.json:
            print(json.dumps(asdict(found[-1])), flush=True)
        else:
            print(name, file=sys.stderr)
    if not given.json:
        columns = ("bomb", "MB on the disk", "peak memory, MB", "of a child", "scratch, MB", "seconds", "said")
        print_table(f"bombs of {given.mb:,.0f} MB", columns, (tuple(asdict(each).values()) for each in found))


if __name__ == "__main__":
    main()
