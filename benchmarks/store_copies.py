"""What steps on Kubeflow copy from and to an S3 store: images per second, against boto3 file by file.

The server (moto's) is another process of this machine. Copied are images as files, as those of a catalogue in a folder,
and the same images in the shards of a dataset.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.photographs import Photographs, cached_photographs
from benchmarks.tools import make_parser, print_table

_BUCKET = "bench"
# Raw images of 128 x 128 pixels.
_SHARDS, _IMAGE_BYTES = 4, 128 * 128 * 3
_KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}

#: By name, what copies a folder from one place to another: a path, or a key of the bucket.
Copier = Mapping[str, Callable[[str, str], None]]


def main() -> None:
    """Copies both folders to the store and back, by each copier in turn, and prints the table."""
    arguments = make_parser(__doc__, repeat=3)
    arguments.add_argument("--rows", type=int, default=1_000, help="how many images (default: %(default)s)")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name, _serving() as endpoint:
        os.environ.update(_KEYS, AWS_ENDPOINT_URL=endpoint)
        folders = {"as files": _files(Path(name), options.rows), "in shards": _shards(Path(name), options.rows)}
        client = _client(endpoint)
        client.create_bucket(Bucket=_BUCKET)
        copiers = {"Diptych": _by_diptych(), "boto3": _by_boto3(client)}
        table = []
        for kind, folder in folders.items():
            for action in ("to the store", "from the store"):
                found = {copier: list[float]() for copier in copiers}
                for turn in range(options.repeat):
                    for copier in list(copiers)[:: -1 if turn % 2 else 1]:
                        copy = copiers[copier][action]
                        found[copier].append(options.rows / _seconds(copy, folder, kind.replace(" ", "-"), Path(name)))
                ratio = median(ours / theirs for ours, theirs in zip(*found.values(), strict=True))
                table.append((f"{kind}, {action}", *(round(median(rates)) for rates in found.values()), ratio))
    print_table(f"Images per second, median of {options.repeat}", ("what", *copiers, "ratio"), table)


def _seconds(copy: Callable[[str, str], None], folder: Path, key: str, scratch: Path) -> float:
    target = scratch / "copied"
    shutil.rmtree(target, ignore_errors=True)
    started = time.monotonic()
    copy(str(folder), key) if copy.__name__ == "upload" else copy(key, str(target))
    return time.monotonic() - started


def _files(scratch: Path, rows: int) -> Path:
    folder = scratch / "files"
    shutil.copytree(cached_photographs(Photographs(rows)).parent, folder)
    return folder


def _shards(scratch: Path, rows: int) -> Path:
    """Files of the size that a dataset of these images has; what they hold does not matter to a copy."""
    folder = scratch / "shards"
    folder.mkdir()
    content = np.random.default_rng(0).bytes(rows // _SHARDS * _IMAGE_BYTES)
    for shard in range(_SHARDS):
        (folder / f"data-{shard}.tfrecord").write_bytes(content)
    return folder


def _by_diptych() -> Mapping[str, Callable[[str, str], None]]:
    from diptych.kubeflow.container import store

    def upload(folder: str, key: str) -> None:
        store.upload_folder(folder, f"s3://{_BUCKET}/{key}")

    def download(key: str, folder: str) -> None:
        store.download_folder(f"s3://{_BUCKET}/{key}", folder)

    return {"to the store": upload, "from the store": download}


def _by_boto3(client: object) -> Mapping[str, Callable[[str, str], None]]:
    def upload(folder: str, key: str) -> None:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                client.upload_file(str(path), _BUCKET, f"{key}/{path.relative_to(folder)}")  # type: ignore[attr-defined]

    def download(key: str, folder: str) -> None:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=_BUCKET, Prefix=f"{key}/")  # type: ignore[attr-defined]
        for found in (each["Key"] for page in pages for each in page["Contents"]):
            path = Path(folder, found.removeprefix(f"{key}/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(_BUCKET, found, str(path))  # type: ignore[attr-defined]

    return {"to the store": upload, "from the store": download}


def _client(endpoint: str) -> object:
    import boto3

    return boto3.client("s3", endpoint_url=endpoint)


@contextmanager
def _serving() -> Iterator[str]:
    """Runs the server in another process; gives its address."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        yield ours.recv()
    finally:
        server.kill()
        server.join()


def _serve(told: Connection) -> None:
    from moto.server import ThreadedMotoServer

    # It would print each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    told.send("http://{}:{}".format(*server.get_host_and_port()))
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
