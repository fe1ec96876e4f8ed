"""img2dataset with two processes.

It cannot store raw pixels, so it stores JPEG, its default. It cannot stretch images, so each is resized to 128 pixels
on its shorter side and cropped to its centre. Images that are no URLs are given as ``file://`` URLs.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# img2dataset resizes with Albumentations, which otherwise asks the network for a later version of itself.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
from img2dataset import download

from benchmarks.ingest_peers.common import IMAGE_SIZE, PROCESSES, read_rows


def write(catalogue: Path, out: Path) -> None:
    """Writes tar files in ``out/shards``."""
    rows = read_rows(catalogue)
    urls = out / "urls.csv"
    is_remote = "://" in rows[0]["image"]
    with urls.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "image", "description", "label"])
        for row in rows:
            image = row["image"]
            writer.writerow([image if is_remote else (catalogue.parent / image).as_uri(), *row.values()])
    download(
        url_list=str(urls),
        input_format="csv",
        caption_col="description",
        save_additional_columns=["image", "label"],
        output_folder=str(out / "shards"),
        output_format="webdataset",
        image_size=IMAGE_SIZE,
        resize_mode="center_crop",
        processes_count=PROCESSES,
        # The default of 256 suits a network.
        thread_count=256 if is_remote else 4,
        # The default of 10,000 suits larger catalogues.
        number_sample_per_shard=math.ceil(len(rows) / (2 * PROCESSES)),
    )


def read(out: Path) -> Iterator[tuple[str, Any]]:
    """Yields the image's path and the pixels of every record."""
    import numpy as np
    from PIL import Image

    for shard in sorted((out / "shards").glob("*.tar")):
        with tarfile.open(shard) as archive:
            for name in sorted(name for name in archive.getnames() if name.endswith(".jpg")):
                members = (archive.extractfile(name), archive.extractfile(name.removesuffix("jpg") + "json"))
                pixels, facts = (member.read() for member in members if member)
                yield json.loads(facts)["image"], np.asarray(Image.open(io.BytesIO(pixels)))
