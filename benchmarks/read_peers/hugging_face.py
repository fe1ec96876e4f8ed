"""Hugging Face datasets: Arrow files of ``Array3D``, read with ``to_tf_dataset``."""

from __future__ import annotations

from pathlib import Path

import datasets

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes ``out/data-*.arrow``."""
    datasets.disable_progress_bars()
    features = datasets.Features(
        {
            "image": datasets.Array3D(shape=(128, 128, 3), dtype="uint8"),
            "counts": datasets.Sequence(datasets.Value("float32"), length=source.counts.shape[1]),
            "label": datasets.Value("int64"),
        }
    )
    rows = (
        {"image": image, "counts": counts, "label": label}
        for image, counts, label in zip(source.images, source.counts, source.labels, strict=True)
    )
    with datasets.arrow_writer.ArrowWriter(path=str(out / "data.arrow"), features=features) as writer:
        for row in rows:
            writer.write(row)
        writer.finalize()


def batches(out: Path) -> EpochReader:
    """Reads images, and with them counts and labels."""
    rows = datasets.Dataset.from_file(str(out / "data.arrow"))
    return EpochReader(
        rows.to_tf_dataset(batch_size=BATCH_SIZE, shuffle=False, prefetch=True), lambda batch: batch["image"]
    )
