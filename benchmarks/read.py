"""Reading: images per second against the blog's read_dataset, TFDS, Hugging Face, WebDataset, Grain and MosaicML.

Batches hold 64 images uint8 128 x 128 x 3 with bag of words and label, and the files are in the file cache. Each
contender runs in a process of its own, in turn. What is decoded once (``decode_once``) stands for each epoch but the
first, which no contender's figure holds. NumPy arrays mapped into memory show the limit.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.ingest_peers.common import read_pixels, read_rows
from benchmarks.peer_environment import peer_program
from benchmarks.photographs import Photographs, cached_photographs
from benchmarks.read_peers.arrays import BATCH_SIZE, ImageTextArrays, save_arrays
from benchmarks.tools import ROOT, BenchmarkError, child_environment, make_parser, print_table, python_command


@dataclass(frozen=True)
class Contender:
    """One way to read.

    Attributes:
        title: its name in the table.
        module: a module of ``benchmarks.read_peers``; its documentation says how it reads.
        ours: whether it runs in Diptych's environment; the others run in that of ``benchmarks.peer_environment``.
    """

    title: str
    module: str
    ours: bool = False


BLOG = Contender("the blog's read_dataset", "blog", ours=True)
DIPTYCH = Contender("Diptych, a run's Examples", "diptych", ours=True)
EXPORTED = Contender("Diptych, the blog's file", "diptych_exported", ours=True)
DIPTYCH_ONCE = Contender("Diptych, Examples decoded once", "diptych_once", ours=True)
EXPORTED_ONCE = Contender("Diptych, the blog's file decoded once", "diptych_exported_once", ours=True)
#: How many times as fast as the blog's they are to be.
LIMITS = {DIPTYCH: 2.5, EXPORTED: 3.0, DIPTYCH_ONCE: 2.5, EXPORTED_ONCE: 3.0}
MEMORY_MAP = Contender("NumPy memory map", "memory_map", ours=True)
PEERS = (
    Contender("TFDS", "tfds_reader"),
    Contender("Hugging Face to tf", "hugging_face"),
    Contender("WebDataset", "web_dataset"),
    Contender("Grain", "grain_reader"),
)
# It needs PyTorch, whose packages on PyPI take 5 GB with CUDA, so it is not in the lock file.
MOSAIC = Contender("MosaicML streaming", "mosaic")


def main() -> int:
    """Runs the contenders in turn; returns 1 if Diptych is slower than it should be."""
    peers = {peer.module: peer for peer in (*PEERS, MOSAIC)}
    arguments = make_parser(__doc__, repeat=5)
    arguments.add_argument("--rows", type=int, default=5000, help="how many images (default: %(default)s)")
    arguments.add_argument("--epochs", type=int, default=5, help="that each side reads in turn (default: %(default)s)")
    arguments.add_argument(
        "--peers",
        nargs="*",
        choices=list(peers),
        default=[peer.module for peer in PEERS],
        help="against these only; mosaic first needs mosaicml-streaming in .venv-bench",
    )
    options = arguments.parse_args()
    contenders = [BLOG, *LIMITS, *(peers[module] for module in options.peers), MEMORY_MAP]
    found: dict[Contender, list[float]] = {contender: [] for contender in contenders}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_arrays(folder, make_source(options.rows))
        for turn in range(options.repeat):
            for contender in contenders[:: -1 if turn % 2 else 1]:
                found[contender].append(_run(contender, folder, options.epochs))
                print(
                    f"round {turn + 1} of {options.repeat}: {contender.title}, {found[contender][-1]:,.0f}", flush=True
                )
    return _report(found, options.rows)


def make_source(rows: int) -> ImageTextArrays:
    """Photographs of 128 x 128 pixels, their texts as bags of words, and their labels."""
    from sklearn.feature_extraction.text import CountVectorizer

    catalogue = cached_photographs(Photographs(rows))
    found = read_rows(catalogue)
    texts = [row["description"] for row in found]
    counts = CountVectorizer(dtype=np.float32).fit_transform(texts).toarray()
    _, labels = np.unique([row["label"] for row in found], return_inverse=True)
    images = np.stack([read_pixels(catalogue.parent / row["image"]) for row in found])
    return ImageTextArrays(images, counts, labels.astype(np.int64), texts)


def _run(contender: Contender, folder: Path, epochs: int) -> float:
    program = python_command() if contender.ours else [peer_program("python")]
    out = folder / contender.module
    command = [*program, "-m", "benchmarks.read_peers.run", contender.module, str(folder), str(out), str(epochs)]
    done = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return float(done.stdout.split()[-1])


def _report(found: Mapping[Contender, Sequence[float]], rows: int) -> int:
    ratios = {
        contender: median(rate / blog for rate, blog in zip(rates, found[BLOG], strict=True))
        for contender, rates in found.items()
    }
    table = [(contender.title, round(median(found[contender])), ratios[contender]) for contender in found]
    title = f"{rows:,} images in batches of {BATCH_SIZE}, median of {len(found[BLOG])} rounds; ratios to the blog's"
    print_table(title, ("contender", "images/s", "ratio"), table)
    slow = [f"{side.title} {limit}" for side, limit in LIMITS.items() if ratios[side] < limit]
    ours = min(ratios[DIPTYCH], ratios[EXPORTED])
    ahead = [contender.title for contender in (*PEERS, MOSAIC) if ratios.get(contender, 0) >= ours]
    print(
        f"{'FAIL' if slow or ahead else 'pass'}: below the goal: {', '.join(slow) or 'none'}; "
        f"ahead of Diptych: {', '.join(ahead) or 'none'}"
    )
    return int(bool(slow or ahead))


if __name__ == "__main__":
    raise SystemExit(main())
