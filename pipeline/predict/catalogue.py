"""``diptych predict --catalogue``: classifies every row of a catalogue by a pushed model, with Beam.

A worker takes one chunk of the catalogue at a time. It makes records of the rows as ingestion does, and gives them to
the signature that the Evaluator uses, so that a row gets the same scores here and there. The output does not depend on
how chunks are spread over workers.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.records import RecordOptions
from diptych.components.catalogue.storage import write_stream
from diptych.components.example_gen.account import result_as_json, track_progress
from diptych.components.example_gen.decoder_pool import DecoderPool, start_fork_server
from diptych.components.example_gen.record_index import IndexedRecord, write_records
from diptych.models.credentials import refuse_credentials
from diptych.models.os_errors import naming
from diptych.models.pattern_signs import load_saved_model
from diptych.models.scratch_folders import scratch_folder
from diptych.models.serving.card import ModelCard
from diptych.pipeline.predict.pushed_model import PredictError, answer_of, find_pushed_model, read_model_card
from diptych.pipeline.predict.unlabelled import add_placeholder_label, ignore_labels
from diptych.pipeline.prepare.run_settings import SETTINGS_FILE, is_settings_file
from diptych.pipeline.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa

REJECTS_ENDING = ".rejects.jsonl"

_LOCAL = ("--runner=FnApiRunner",)
_ENDINGS = (".jsonl", ".parquet")
_BATCH = 64
_LINES_PER_TABLE = 4096


@dataclass(frozen=True)
class BatchPredictionResult:
    """How many rows of a catalogue were classified and how many rejected, and the files that say which.

    Attributes:
        rows: number of rows in the catalogue; ``predictions`` and ``rejects`` add up to it.
        predictions: number of classified rows.
        rejects: number of rejected rows for each reason.
        output: the file of predictions.
        rejects_file: a JSONL file of the rejected rows, in the form that ingestion writes.
    """

    rows: int
    predictions: int
    rejects: Mapping[str, int]
    output: str
    rejects_file: str


def predict_catalogue(
    model: str,
    catalogue: str,
    output: str,
    *,
    run: str | None = None,
    overrides: Sequence[str] = (),
    top: int | None = None,
) -> BatchPredictionResult:
    """Classifies every row of a catalogue, which needs no labels, and writes the predictions in the catalogue's order.

    A prediction has ``source`` and ``row``: the file and the row of the catalogue; ``id`` and ``image``, as they are
    there; ``answer``: the predicted label, or for a multilabel model all labels that reach their thresholds; ``labels``
    and ``scores``: the best ``top``, best first.

    Args:
        model: the folder of a pushed model, or of a run.
        catalogue: the catalogue, or a ``diptych.yaml`` that says how it is read. Without one, a catalogue is read by
            the settings that are kept in the run's folder, if there are any.
        output: the file to write, ``.jsonl`` or ``.parquet``.
        run: the run's folder, if it is not ``model``.
        overrides: ``section.key=value`` for settings to change.
        top: how many labels and scores to write; None for all.

    Raises:
        PredictError: there is no model, the output has another ending, or the model takes descriptions and the settings
            name none.
        SettingsError: the settings cannot be used.
        OptionsError: the catalogue's URL holds credentials.
        CatalogueError: the catalogue cannot be read.
        SpanError: there is no span or version that the catalogue's name asks for.
    """
    if not output.endswith(_ENDINGS):
        raise PredictError(f"'{output}': predictions are written to a file that ends with {' or '.join(_ENDINGS)}")
    refuse_credentials(catalogue)
    folder = find_pushed_model(model)
    card = read_model_card(folder)
    opened = Catalogue.open(match_texts(ignore_labels(_data_options(run or model, catalogue, overrides)), card))
    with scratch_folder() as work:
        job = _Job(folder, card, opened, work, top)
        start_fork_server()
        chunks = list(opened.chunks(work))
        if not chunks:
            raise PredictError(f"'{catalogue}' has no row")
        with beam.Pipeline(argv=list(_LOCAL)) as pipeline:
            _ = pipeline | beam.Create(chunks) | beam.Reshuffle() | beam.ParDo(_PredictChunk(job))
        return _write_output(chunks, job, output)


def _data_options(run: str, catalogue: str, overrides: Sequence[str]) -> DataOptions:
    if is_settings_file(catalogue):
        return load_settings(catalogue, overrides).data
    # A run that was given a catalogue keeps how it was read: another part of it has the same columns.
    if os.path.isfile(kept := os.path.join(run, SETTINGS_FILE)):
        return load_settings(kept, overrides).data.model_copy(update={"catalogue": catalogue})
    if overrides:
        raise PredictError(f"--set changes settings, and '{catalogue}' is none: give a diptych.yaml")
    return DataOptions(catalogue=catalogue)


def match_texts(data: DataOptions, card: ModelCard) -> DataOptions:
    """The options by which a model reads the texts of a catalogue: none for a model of images alone.

    A row without a text is kept where the model answers without one.

    Raises:
        PredictError: the model takes descriptions, and the catalogue has none.
    """
    if card.text is None:
        columns = data.columns.model_copy(update={"description": None})
        return data.model_copy(update={"columns": columns, "missing_descriptions": "reject"})
    if data.columns.description is None:
        raise PredictError(
            "this model takes descriptions, and data.columns.description is null: name the column of the descriptions"
        )
    return data if "text" in card.needs else data.model_copy(update={"missing_descriptions": "keep"})


@dataclass(frozen=True)
class _Job:
    """What each worker needs to know.

    Attributes:
        model: the folder of the SavedModel.
        work: the folder of temporary files.
        top: how many labels to write for each row; None for all.
    """

    model: str
    card: ModelCard
    catalogue: Catalogue
    work: str
    top: int | None

    def file(self, chunk: Chunk, ending: str) -> str:
        """The path of a temporary file of one chunk."""
        return os.path.join(self.work, f"{chunk.source_index:05d}-{chunk.first_row:010d}{ending}")


class _PredictChunk(beam.DoFn):
    """Writes the predictions and the rejects of each chunk to files of the job, and emits nothing."""

    def __init__(self, job: _Job) -> None:
        self._job = job

    def setup(self) -> None:
        self._pool = DecoderPool(RecordOptions(self._job.catalogue.data, self._job.card.image), write_records)
        self._model: Any = load_saved_model(self._job.model)

    def teardown(self) -> None:
        self._pool.close()
        # TensorFlow warns at exit of functions that still exist then.
        self._model = None

    def process(self, chunk: Chunk) -> list[None]:
        job = self._job
        source = job.catalogue.source_file(chunk.source)
        rows = map(add_placeholder_label, job.catalogue.read(chunk))
        results = list(track_progress(self._pool.process(rows, source, job.file(chunk, ""))))
        files = list(dict.fromkeys(result.file for result in results if isinstance(result, IndexedRecord)))
        scores = self._score(files)
        with (
            naming(job.work),
            open(job.file(chunk, ".jsonl"), "wb") as predictions,
            open(job.file(chunk, REJECTS_ENDING), "wb") as rejects,
        ):
            for result in results:
                if isinstance(result, IndexedRecord):
                    identity = {"source": source.name, **result_as_json(result)}
                    predictions.write(_line({**identity, **self._answer(next(scores))}))
                else:
                    rejects.write(_line(result.as_json()))
        for file in files:
            os.remove(file)
        return []

    def _score(self, files: Sequence[str]) -> Iterator[Any]:
        """Yields the scores of each record in the TFRecord files, float32 ``[labels]``."""
        import tensorflow as tf

        for batch in tf.data.TFRecordDataset(files).batch(_BATCH).prefetch(1) if files else ():
            yield from self._model.signatures["serving_default"](examples=batch)["scores"].numpy()

    def _answer(self, scores: Any) -> dict[str, Any]:
        """``answer``, ``labels`` and ``scores`` of a prediction, by scores in the order of the card's labels."""
        card = self._job.card
        shown = np.argsort(-scores, kind="stable")[: self._job.top]
        return {
            "answer": answer_of(card, scores),
            "labels": [card.labels[place] for place in shown],
            "scores": scores[shown].tolist(),
        }


def _line(value: Mapping[str, Any]) -> bytes:
    # Characters that UTF-8 cannot hold are replaced, so that the row is not lost.
    return (json.dumps(value, ensure_ascii=False) + "\n").encode(errors="replace")


def _write_output(chunks: Sequence[Chunk], job: _Job, output: str) -> BatchPredictionResult:
    """Joins the files that the workers wrote for each chunk, in the catalogue's order."""
    chunks = sorted(chunks)
    predictions = [job.file(chunk, ".jsonl") for chunk in chunks]
    rejects = [job.file(chunk, REJECTS_ENDING) for chunk in chunks]
    reasons = Counter(reject["reason"] for reject in _read_lines(rejects))
    count = sum(1 for _ in _read_lines(predictions))
    rows = sum(chunk.rows for chunk in chunks)
    if rows != count + sum(reasons.values()):
        raise RuntimeError(f"rows are unaccounted for: {rows} rows, {count} predictions, rejects {dict(reasons)}")
    write = _write_parquet if output.endswith(".parquet") else _concatenate
    write(predictions, output)
    rejects_file = output + REJECTS_ENDING
    _concatenate(rejects, rejects_file)
    return BatchPredictionResult(rows, count, dict(sorted(reasons.items())), output, rejects_file)


def _read_lines(files: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in files:
        with open(name, "rb") as file:
            for line in file:
                yield json.loads(line)


def _concatenate(files: Iterable[str], output: str) -> None:
    with write_stream(output) as target:
        for name in files:
            with open(name, "rb") as source:
                shutil.copyfileobj(source, target)


def _write_parquet(files: Iterable[str], output: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _parquet_schema()
    with write_stream(output) as target, pq.ParquetWriter(target, schema) as writer:
        lines = _read_lines(files)
        while batch := list(islice(lines, _LINES_PER_TABLE)):
            writer.write_table(pa.Table.from_pylist(batch, schema))


def _parquet_schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    kinds = {"source": text, "row": pa.int64(), "id": text, "image": text}
    return pa.schema({**kinds, "answer": pa.list_(text), "labels": pa.list_(text), "scores": pa.list_(pa.float32())})
