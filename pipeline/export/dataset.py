"""``diptych export``: the dataset of a run, in a format that other tools read without Diptych."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from uuid import uuid4

from diptych.models.errors import nearest
from diptych.models.os_errors import find_os_error
from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.export.formats import FORMATS
from diptych.pipeline.export.formats.stored_dataset import StoredDataset, open_stored_dataset


@dataclass(frozen=True)
class ExportResult:
    """What has been written.

    Attributes:
        format: one of ``FORMATS``.
        output: the folder with the files.
        examples: split to number of examples.
    """

    format: str
    output: str
    examples: Mapping[str, int]

    def lines(self) -> list[str]:
        """The result in two lines, for a person."""
        counts = ", ".join(f"{split} {count:,}" for split, count in self.examples.items())
        return [
            f"Written: {self.output}, as {self.format}: {counts}",
            f"To read it: {FORMATS[self.format].format(output=self.output, pattern=glob.escape(self.output))}",
        ]


def export_dataset(run: str, to: str, output: str) -> ExportResult:
    """Writes every example of a run's dataset into a folder. If it fails, the folder is left as it was.

    Args:
        run: the folder of a run that ingested its catalogue; for tfrecord, of one that reached Transform.
        to: one of ``FORMATS``. ``diptych.pipeline.export.formats`` has a module for each, which says what it writes.
        output: a local folder that is absent or empty.

    Raises:
        ExportError: there is no such run or format, or records are missing or damaged.
        OSError: the output cannot be written; the error names it.
    """
    if to not in FORMATS:
        raise ExportError(f"--to {to}: there is no such format; {nearest(to, FORMATS)}there are {', '.join(FORMATS)}")
    dataset = open_stored_dataset(run)
    with _fresh_folder(output) as folder:
        counts = _write(to, dataset, folder)
    return ExportResult(to, output, counts)


def _write(to: str, dataset: StoredDataset, folder: str) -> dict[str, int]:
    import tensorflow as tf

    try:
        counts: dict[str, int] = import_module(f"diptych.pipeline.export.formats.{to}").write(dataset, folder)
    except tf.errors.OpError as error:
        if cause := find_os_error(error):
            raise cause from None
        raise ExportError(
            f"the records in '{dataset.examples_uri}' cannot be read: {error.message}; run the run again"
        ) from None
    if counts != dict(dataset.examples):
        raise ExportError(
            f"the records in '{dataset.examples_uri}' are not those of the run: {counts}, where the run wrote "
            f"{dict(dataset.examples)}; run the run again"
        )
    return counts


@contextmanager
def _fresh_folder(output: str) -> Iterator[str]:
    """A folder beside the output, which is renamed to it at the end of the block, or removed if the block raises."""
    if "://" in output:
        raise ExportError(f"--output {output}: only local folders are written; copy it from there")
    output = os.path.realpath(output)
    if os.path.exists(output) and not (os.path.isdir(output) and not os.listdir(output)):
        raise ExportError(f"'{output}' exists and is no empty folder; remove it, or name another --output")
    parent, name = os.path.split(output)
    temporary = os.path.join(parent, f".{name[:50]}.{uuid4().hex}.part")
    try:
        os.makedirs(temporary)
        yield temporary
        os.rename(temporary, output)
    except Exception as error:
        cause = find_os_error(error)
        if cause is None:
            raise
        if cause.filename is None or cause.filename.startswith(temporary):
            cause.filename = output
            # Where it is None, it is printed.
            del cause.filename2
        raise cause from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
