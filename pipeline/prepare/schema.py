"""``diptych schema``: writes a schema for review, and widens a curated one to the data.

A reviewed schema that ``data.schema_file`` names is used instead of one that is inferred from the data.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from diptych.components.artifacts import STATISTICS_FILE, split_folder
from diptych.models import features
from diptych.models.atomic_files import write_text
from diptych.models.errors import DiptychError
from diptych.pipeline.prepare.schema_proposal import propose_schema, widen_schema
from diptych.pipeline.prepare.schema_text import format_schema

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from diptych.pipeline.settings import Settings


class SchemaError(DiptychError):
    """A schema cannot be read or may not be written; the message names the file and the remedy."""


def write_proposed_schema(settings: Settings, folder: str, output: str) -> None:
    """Writes the schema that the catalogue's data suggest.

    Args:
        folder: the folder of the run whose ingestion is used, and made if it is missing.

    Raises:
        SchemaError: ``output`` exists.
        OSError: ``output`` cannot be written.
        RunLockedError, IngestionError: as ``compute_statistics``.
    """
    if os.path.exists(output):
        raise SchemaError(f"'{output}' exists: name another file with --output, or see what would change with --update")
    statistics = compute_statistics(settings, folder)
    write_schema(format_schema(propose_schema(statistics, settings.train.task, settings.gate)), output)


def widen_curated_schema(settings: Settings, folder: str) -> tuple[str, str]:
    """The text of the curated schema, and its text after it is widened to the data. Nothing is written.

    Args:
        folder: as for ``write_proposed_schema``.

    Raises:
        SchemaError: ``data.schema_file`` names no file, or one that is no schema.
        RunLockedError, IngestionError: as ``compute_statistics``.
    """
    path = settings.data.schema_file
    if path is None:
        raise SchemaError(
            "--update changes the schema that data.schema_file names, but it names none: write one with "
            "`diptych schema` first"
        )
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        with open(path, encoding="utf-8") as file:
            old = file.read()
        curated = text_format.Parse(old, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise SchemaError(f"data.schema_file: '{path}' is no schema in protobuf's text format: {error}") from None
    return old, format_schema(widen_schema(curated, compute_statistics(settings, folder)))


def compute_statistics(settings: Settings, folder: str) -> list[statistics_pb2.DatasetFeatureStatisticsList]:
    """Computes the statistics of each split; ingests the catalogue unless the run in the folder has done it.

    Raises:
        RunLockedError: another run works in the folder.
        IngestionError: the catalogue cannot be read.
    """
    from diptych.pipeline.local.runner import run_ingestion

    uri = run_ingestion(settings, folder)["StatisticsGen"]["statistics"]

    import tensorflow_data_validation as tfdv

    files = [os.path.join(split_folder(uri, split), STATISTICS_FILE) for split in features.SPLITS]
    return [tfdv.load_stats_binary(file) for file in files]


def write_schema(text: str, output: str) -> None:
    """Writes the text of a schema.

    Raises:
        OSError: the file cannot be written.
    """
    write_text(output, text)
