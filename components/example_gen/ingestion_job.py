"""What an ingestion is about, and how its files are called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from diptych.components.artifacts import REJECTS_FILE
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.records import RecordOptions
from diptych.components.catalogue.storage import is_file, remove, write_stream
from diptych.components.engines.errors import STORE_REMEDY, EngineError
from diptych.models.images.options import ImageOptions


class GivenUpError(Exception):
    """The driver has given an ingestion up that a worker still works at."""


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

    @property
    def _sign(self) -> str:
        """URI of a file that is there for as long as the driver wants the result."""
        return os.path.join(self.work_uri, "wanted")

    @contextmanager
    def work_files(self) -> Iterator[None]:
        """In this context of the driver, there is a folder for work files."""
        try:
            with write_stream(self._sign):
                pass
            yield
        finally:
            self._discard_work()

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """In this context, a worker may write work files. Engines end workers some time after a job was cancelled.

        Raises:
            GivenUpError: the driver has given up, before or meanwhile. Then no work file is left.
            EngineError: the store does not say.
        """
        self._check_wanted()
        try:
            yield
        finally:
            self._check_wanted()

    def _check_wanted(self) -> None:
        try:
            if is_file(self._sign):
                return
        except OSError as error:
            raise EngineError(
                f"kubeflow.pipeline_root: workers do not reach '{self.examples_uri}' ({error}); {STORE_REMEDY}"
            ) from error
        self._discard_work()
        raise GivenUpError(
            f"nobody waits for '{self.examples_uri}' any longer, or the workers reach another store than the step"
        )

    def _discard_work(self) -> None:
        """Deletes the work files, also while a worker still writes some, or deletes them too."""
        for attempt in Retrying(
            retry=retry_if_exception_type(OSError), stop=stop_after_attempt(5), wait=wait_fixed(0.2), reraise=True
        ):
            with attempt:
                remove(self._sign)
                remove(self.work_uri)

    def shard_file(self, split: str, shard: int, shards: int) -> str:
        """URI of the TFRecord file of a shard."""
        ending = ".tfrecord.gz" if self.is_compressed else ".tfrecord"
        folder = os.path.join(self.examples_uri, f"Split-{split}")
        return os.path.join(folder, f"data-{shard:05d}-of-{shards:05d}{ending}")
