"""Hugging Face datasets: Arrow files of ``Array3D``, and ``to_tf_dataset``."""

from __future__ import annotations

from pathlib import Path

import datasets

from benchmarks.read_peers.source import BATCH, Epochs, Source


def write(source: Source, out: Path) -> None:
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


def batches(out: Path) -> Epochs:
    """Images; counts and label come with them."""
    rows = datasets.Dataset.from_file(str(out / "data.arrow"))
    return Epochs(rows.to_tf_dataset(batch_size=BATCH, shuffle=False, prefetch=True), lambda batch: batch["image"])
