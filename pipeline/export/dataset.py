"""``diptych export``: the dataset of a run, in a form that other tools read without Diptych."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from uuid import uuid4

from diptych.models.errors import nearest
from diptych.pipeline.export.formats import FORMATS
from diptych.pipeline.export.formats.stored_dataset import ExportError, Stored, find_stored

__all__ = ["FORMATS", "ExportError", "Exported", "export_run"]


@dataclass(frozen=True)
class Exported:
    """What has been written.

    Attributes:
        to: one of ``FORMATS``.
        output: the folder that holds it.
        examples: split to number of examples.
    """

    to: str
    output: str
    examples: Mapping[str, int]

    def lines(self) -> list[str]:
        """What a person wants to know of it."""
        counts = ", ".join(f"{split} {count:,}" for split, count in self.examples.items())
        return [
            f"Written: {self.output}, as {self.to}: {counts}",
            f"To read it: {FORMATS[self.to].format(output=self.output)}",
        ]


def export_run(run: str, to: str, output: str) -> Exported:
    """Writes every example of a run's dataset into a folder, which is there as a whole or not at all.

    Args:
        run: the folder of a run that ingested its catalogue; for tfrecord, one that Transform has been reached in.
        to: one of ``FORMATS``; ``diptych.pipeline.export.formats`` has a module for each, which says what it writes.
        output: a local folder, which is made; if it is there, it must be empty.

    Raises:
        ExportError: there is no such run or format, the output cannot be written, or records are missing or damaged.
    """
    if to not in FORMATS:
        raise ExportError(f"--to {to}: there is no such format; {nearest(to, FORMATS)}there are {', '.join(FORMATS)}")
    stored = find_stored(run)
    with _fresh_folder(output) as folder:
        counts = _write(to, stored, folder)
    return Exported(to, output, counts)


def _write(to: str, stored: Stored, folder: str) -> dict[str, int]:
    import tensorflow as tf

    try:
        counts: dict[str, int] = import_module(f"diptych.pipeline.export.formats.{to}").write(stored, folder)
    except tf.errors.OpError as error:
        raise ExportError(
            f"the records in '{stored.examples_uri}' cannot be read: {error.message}; run the run again"
        ) from None
    if counts != dict(stored.examples):
        raise ExportError(
            f"the records in '{stored.examples_uri}' are not those of the run: {counts}, where the run wrote "
            f"{dict(stored.examples)}; run the run again"
        )
    return counts


@contextmanager
def _fresh_folder(output: str) -> Iterator[str]:
    """A folder beside the output that gets its name when the block is left without an error, and else is removed."""
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
    except OSError as error:
        raise ExportError(f"'{output}' cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
