"""Images of a web server: rows per second against img2dataset, with a server that answers at once or waits."""

from __future__ import annotations

import asyncio
import csv
import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from benchmarks.ingest import DIPTYCH, PEERS, Contender, RunSeconds, run_contender
from benchmarks.photographs import COLUMNS, Photographs, cached_photographs
from benchmarks.tools import make_parser, print_table

IMG2DATASET = PEERS[0]
_WARM_UP = 100


def main() -> None:
    """Runs both in turn for each waiting time, and prints the table."""
    arguments = make_parser(__doc__, repeat=3)
    arguments.add_argument("--rows", type=int, default=4_000, help="how many images (default: %(default)s)")
    arguments.add_argument(
        "--wait-ms", type=int, nargs="+", default=(0, 50), help="the server's waiting times (default: %(default)s)"
    )
    options = arguments.parse_args()
    photographs = cached_photographs(Photographs(options.rows))
    table = []
    for wait in options.wait_ms:
        with tempfile.TemporaryDirectory() as name, serving(photographs.parent, wait / 1e3) as root:
            warm_up, whole = (write_urls(photographs, Path(name), root, rows) for rows in (_WARM_UP, options.rows))
            for contender in (IMG2DATASET, DIPTYCH):
                run_contender(contender, warm_up, Path(name, "out"))
            pairs = [measure_pair(whole, Path(name, "out"), turn) for turn in range(options.repeat)]
        for contender in (IMG2DATASET, DIPTYCH):
            seconds = median(pair[contender].work for pair in pairs)
            ratio = median(pair[IMG2DATASET].work / pair[contender].work for pair in pairs)
            table.append((f"{contender.title}, {wait} ms", options.rows / seconds, ratio))
    title = f"{options.rows:,} rows, median of {options.repeat} rounds; ratios to img2dataset"
    print_table(title, ("contender, and how long the server waits", "rows/s", "ratio"), table)


def measure_pair(catalogue: Path, out: Path, turn: int) -> dict[Contender, RunSeconds]:
    """One run of each, in the other order every second turn."""
    order = (IMG2DATASET, DIPTYCH)[:: -1 if turn % 2 else 1]
    pair = {contender: run_contender(contender, catalogue, out) for contender in order}
    print(f"round {turn + 1}: {', '.join(f'{one.title} {seconds}' for one, seconds in pair.items())}", flush=True)
    return pair


def write_urls(catalogue: Path, folder: Path, root: str, rows: int) -> Path:
    """Writes a catalogue of the first rows of another one, whose images are URLs below ``root``."""
    path = folder / f"{rows}.csv"
    with catalogue.open(encoding="utf-8", newline="") as given, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for _, row in zip(range(rows), csv.DictReader(given), strict=False):
            writer.writerow({**row, "image": f"{root}/{row['image']}"})
    return path


@contextmanager
def serving(folder: Path, wait: float) -> Iterator[str]:
    """Serves a folder on this machine from another process; gives the URL of the folder.

    Args:
        wait: how long each answer waits, in seconds, while others are given.
    """
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(str(folder), wait, theirs), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        server.kill()
        server.join()


def _serve(folder: str, wait: float, told: Connection) -> None:
    """Sends its port to ``told``, and serves until it is killed."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(wait)
        return web.FileResponse(Path(folder, request.match_info["path"]))

    async def start() -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(start())


if __name__ == "__main__":
    main()
