"""``diptych predict --catalogue``: asks a pushed model about every row of a catalogue, through Beam.

Each chunk of the catalogue is read, decoded and stored by one worker as ingestion does it, and the stored records go to
the model by the signature that the Evaluator uses: the same row gets the same answer. Nothing depends on which worker
does what, nor on when it is done.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources, make_reader
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.records import Recipe, Source
from diptych.components.catalogue.spans import name_below, resolve_span
from diptych.components.catalogue.storage import write_stream
from diptych.components.example_gen.account import with_progress
from diptych.components.example_gen.row_tables import Stored, store_rows
from diptych.components.example_gen.workers import Workers, warm_up
from diptych.models.metrics import MULTILABEL_THRESHOLD
from diptych.models.serving.card import ModelCard
from diptych.pipeline.predict.files import PredictError, find_model, read_model_card
from diptych.pipeline.predict.unlabelled import with_stand_in, without_labels
from diptych.pipeline.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa

REJECTS_ENDING = ".rejects.jsonl"

_LOCAL = ("--runner=FnApiRunner",)
_ENDINGS = (".jsonl", ".parquet")
_BATCH = 64
_LINES_PER_TABLE = 4096


@dataclass(frozen=True)
class Predicted:
    """What became of a catalogue's rows: ``rows`` are as many as ``predictions`` and all ``rejects`` together.

    Attributes:
        rejects: reason to number of rows.
        output: the file of predictions.
        rejects_file: JSONL of the rejected rows, as ingestion writes it.
    """

    rows: int
    predictions: int
    rejects: Mapping[str, int]
    output: str
    rejects_file: str


def predict_catalogue(
    model: str, catalogue: str, output: str, *, overrides: Sequence[str] = (), top: int | None = None
) -> Predicted:
    """Classifies every row of a catalogue, in the catalogue's order; it needs no labels.

    A prediction has ``source`` and ``row``, where it stands in the catalogue; ``id`` and ``image``, as it has them;
    ``answer``, the labels given to it; ``labels`` and ``scores``, best first.

    Args:
        model: folder of a pushed model, or of a run.
        catalogue: the catalogue, or a ``diptych.yaml`` that says how it is read.
        output: the file to write, ``.jsonl`` or ``.parquet``.
        overrides: of the settings, as ``section.key=value``.
        top: how many labels and scores a prediction has; None for all.

    Raises:
        PredictError: there is no model, or the output has another ending.
        SettingsError: the settings cannot be used.
        CatalogueError: the catalogue cannot be read.
        SpanError: there is no span or version that the catalogue's name asks for.
    """
    if not output.endswith(_ENDINGS):
        raise PredictError(f"'{output}': predictions are written to a file that ends with {' or '.join(_ENDINGS)}")
    folder = find_model(model)
    card = read_model_card(folder)
    data = without_labels(_data_options(catalogue, overrides))
    with TemporaryDirectory() as work:
        plan = _Plan(folder, card, Recipe(data, card.image), work, top)
        warm_up()
        chunks = list(_cut(plan))
        if not chunks:
            raise PredictError(f"'{catalogue}' has no row")
        with beam.Pipeline(argv=list(_LOCAL)) as pipeline:
            _ = pipeline | beam.Create(chunks) | beam.Reshuffle() | beam.ParDo(_PredictChunk(plan))
        return _gather(chunks, plan, output)


def _data_options(catalogue: str, overrides: Sequence[str]) -> DataOptions:
    if catalogue.endswith((".yaml", ".yml")):
        data = load_settings(catalogue, overrides).data
    elif overrides:
        raise PredictError(f"--set changes settings, and '{catalogue}' is none: give a diptych.yaml")
    else:
        data = DataOptions(catalogue=catalogue)
    return data.model_copy(update={"catalogue": resolve_span(data.catalogue).catalogue})


@dataclass(frozen=True)
class _Plan:
    """What is asked of which model, and where work files lie."""

    model: str
    card: ModelCard
    recipe: Recipe
    work: str
    top: int | None

    def file(self, chunk: Chunk, ending: str) -> str:
        return os.path.join(self.work, f"{chunk.source_index:05d}-{chunk.first_row:010d}{ending}")

    def source(self, chunk: Chunk) -> Source:
        data = self.recipe.data
        return Source(name_below(chunk.source, data.catalogue), images_root(chunk.source, data))


def _cut(plan: _Plan) -> Iterator[Chunk]:
    data = plan.recipe.data
    reader = make_reader(find_kind(data))
    for index, source in enumerate(list_sources(data)):
        yield from reader.cut(source, index, data, os.path.join(plan.work, f"{index:05d}.spool"))


class _PredictChunk(beam.DoFn):
    """Writes a chunk's predictions and rejects; gives nothing on."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan

    def setup(self) -> None:
        self._workers = Workers(self._plan.recipe, store_rows)
        self._reader = make_reader(find_kind(self._plan.recipe.data))
        self._model = self._load()

    def teardown(self) -> None:
        self._workers.close()
        # TensorFlow complains of functions that outlive it, at the interpreter's end.
        self._model = None

    def process(self, chunk: Chunk) -> list[None]:
        plan = self._plan
        records = plan.file(chunk, "")
        rows = (with_stand_in(row) for row in self._reader.read(chunk, plan.recipe.data))
        built = list(with_progress(self._workers.build(rows, plan.source(chunk), records)))
        stored = [one for one in built if isinstance(one, Stored)]
        scores = self._score(list(dict.fromkeys(one.file for one in stored)))
        with (
            open(plan.file(chunk, ".jsonl"), "wb") as predictions,
            open(plan.file(chunk, REJECTS_ENDING), "wb") as rejects,
        ):
            for one in built:
                if isinstance(one, Stored):
                    predictions.write(_line({**self._about(one, chunk), **self._answer(next(scores))}))
                else:
                    rejects.write(_line(one.as_json()))
        for file in {one.file for one in stored}:
            os.remove(file)
        return []

    def _load(self) -> Any:
        import tensorflow as tf

        return tf.saved_model.load(self._plan.model)

    def _score(self, files: Sequence[str]) -> Iterator[Any]:
        """The scores of each record, float32 ``[classes]``."""
        import tensorflow as tf

        for batch in tf.data.TFRecordDataset(files).batch(_BATCH).prefetch(1) if files else ():
            yield from self._model.signatures["serving_default"](examples=batch)["scores"].numpy()

    def _about(self, stored: Stored, chunk: Chunk) -> dict[str, Any]:
        source = self._plan.source(chunk).name
        return {"source": source, "row": stored.row, "id": stored.id, "image": stored.image}

    def _answer(self, scores: Any) -> dict[str, Any]:
        card = self._plan.card
        order = np.argsort(-scores, kind="stable")
        given = order[:1] if card.task == "multiclass" else order[scores[order] >= MULTILABEL_THRESHOLD]
        shown = order[: self._plan.top]
        return {
            "answer": [card.labels[place] for place in given],
            "labels": [card.labels[place] for place in shown],
            "scores": scores[shown].tolist(),
        }


def _line(value: Mapping[str, Any]) -> bytes:
    # A text that is no Unicode is no reason to lose its row.
    return (json.dumps(value, ensure_ascii=False) + "\n").encode(errors="replace")


def _gather(chunks: Sequence[Chunk], plan: _Plan, output: str) -> Predicted:
    """Puts the chunks' files together, in order."""
    chunks = sorted(chunks)
    predictions = [plan.file(chunk, ".jsonl") for chunk in chunks]
    rejects = [plan.file(chunk, REJECTS_ENDING) for chunk in chunks]
    reasons = Counter(reject["reason"] for reject in _read_lines(rejects))
    count = sum(1 for _ in _read_lines(predictions))
    rows = sum(chunk.rows for chunk in chunks)
    if rows != count + sum(reasons.values()):
        raise RuntimeError(f"rows are unaccounted for: {rows} rows, {count} predictions, rejects {dict(reasons)}")
    write = _write_parquet if output.endswith(".parquet") else _join
    write(predictions, output)
    rejects_file = output + REJECTS_ENDING
    _join(rejects, rejects_file)
    return Predicted(rows, count, dict(sorted(reasons.items())), output, rejects_file)


def _read_lines(files: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in files:
        with open(name, "rb") as file:
            for line in file:
                yield json.loads(line)


def _join(files: Iterable[str], output: str) -> None:
    with write_stream(output) as target:
        for name in files:
            with open(name, "rb") as source:
                shutil.copyfileobj(source, target)


def _write_parquet(files: Iterable[str], output: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    with write_stream(output) as target, pq.ParquetWriter(target, schema) as writer:
        some: list[dict[str, Any]] = []
        for line in _read_lines(files):
            some.append(line)
            if len(some) == _LINES_PER_TABLE:
                writer.write_table(pa.Table.from_pylist(some, schema))
                some = []
        writer.write_table(pa.Table.from_pylist(some, schema))


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    kinds = {"source": text, "row": pa.int64(), "id": text, "image": text}
    return pa.schema({**kinds, "answer": pa.list_(text), "labels": pa.list_(text), "scores": pa.list_(pa.float32())})
