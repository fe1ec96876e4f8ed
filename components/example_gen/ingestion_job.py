"""What an ingestion is about, and how its files are called."""

from __future__ import annotations

import os
from dataclasses import dataclass

from diptych.components.artifacts import REJECTS_FILE
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.records import RecordOptions
from diptych.models.images.options import ImageOptions


@dataclass(frozen=True)
class IngestionJob:
    """What is ingested, and where the result goes.

    Attributes:
        examples_uri: folder for ``Split-<split>/data-<shard>-of-<shards>.tfrecord``, or ``.tfrecord.gz``.
        rejects_uri: folder for ``rejects.jsonl`` and ``account.json``.
        slices: folders of the slices of the catalogue that other machines have decoded, which together hold all its
            rows; none where the rows are decoded here.
    """

    catalogue: Catalogue
    image: ImageOptions
    examples_uri: str
    rejects_uri: str
    slices: tuple[str, ...] = ()

    @property
    def options(self) -> RecordOptions:
        """The options by which rows become records."""
        return RecordOptions(self.catalogue.data, self.image)

    @property
    def is_compressed(self) -> bool:
        """Whether the TFRecord files are compressed by gzip."""
        return self.catalogue.data.compression == "gzip"

    @property
    def work_uri(self) -> str:
        """Folder of the work files, which is deleted at the end."""
        return os.path.join(self.examples_uri, ".ingestion")

    @property
    def index_uri(self) -> str:
        """Folder of the work files with the indexes of chunks."""
        return os.path.join(self.work_uri, "index")

    @property
    def stages_uri(self) -> str:
        """Folder of the work files that stages hand to each other."""
        return os.path.join(self.work_uri, "stages")

    @property
    def index_list(self) -> str:
        """URI of the list of the index of each chunk; there is one if there are too many records for memory."""
        return os.path.join(self.index_uri, "chunks.json")

    @property
    def rejects_file(self) -> str:
        """URI of the list of rejects."""
        return os.path.join(self.rejects_uri, REJECTS_FILE)

    def shard_file(self, split: str, shard: int, shards: int) -> str:
        """URI of the TFRecord file of a shard."""
        ending = ".tfrecord.gz" if self.is_compressed else ".tfrecord"
        folder = os.path.join(self.examples_uri, f"Split-{split}")
        return os.path.join(folder, f"data-{shard:05d}-of-{shards:05d}{ending}")
