"""What a comparison needs is read from a run's artifacts, and models that kept no predictions are asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from diptych.components.report.report_data import Lineage
from diptych.models.features import TEST
from tests.components.evaluator.model_cards import make_card, write_model
from tests.components.report.report_fixtures import write_artifacts
from tests.helpers import SMALL

SETTINGS = {"train": {"epochs": 5}}


@pytest.fixture
def uris(tmp_path: Path) -> dict[str, str]:
    return write_artifacts(tmp_path / "run")


def write_predictions(evaluation: str, ids: Sequence[str], predicted: Sequence[Sequence[str]]) -> None:
    table = {"id": ids, "label": predicted, "predicted": predicted, "score": [0.5] * len(ids)}
    parquet.write_table(pa.table(table), Path(evaluation) / "predictions.parquet")


def collect(uris: dict[str, str], **changes: Any) -> Any:
    from diptych.components.report.comparison.collection import collect_run
    from diptych.components.report.data_collection import ReportSources

    return collect_run("a", ReportSources("a", uris, lineage=Lineage()), changes.get("settings", SETTINGS), {}, "abc")


def test_rows_are_known_without_their_pixels(uris: dict[str, str]) -> None:
    run = collect(uris)
    assert run.dataset.is_whole
    assert len(run.dataset.rows) == 18
    row = next(row for row in run.dataset.rows.values() if row.split == TEST)
    assert (row.place, len(row.image), row.labels) == (0, 64, ("even",))
    assert (run.dataset.digest, run.dataset.has_texts, run.dataset.image) == ("abc", True, SMALL)


def test_predictions_are_those_that_the_evaluator_kept(uris: dict[str, str]) -> None:
    write_predictions(uris["evaluation"], ["x", "y"], [["odd", "even"], []])
    run = collect(uris)
    assert run.predictions == {"x": ("even", "odd"), "y": ()}
    assert not run.notes


def test_what_is_missing_is_said(uris: dict[str, str]) -> None:
    del uris["examples"], uris["evaluation"]
    run = collect(uris, settings={})
    assert (run.dataset, run.predictions) == (None, None)
    assert list(run.notes) == [
        "kept no settings: an earlier version made it, or it was killed",
        "has no dataset that can be read",
        "kept no predictions: there are no test rows to ask it about",
    ]


def test_a_run_that_kept_no_predictions_and_no_model_has_none(uris: dict[str, str]) -> None:
    run = collect(uris)
    assert run.predictions is None
    assert list(run.notes) == ["kept no predictions: there is no model to ask"]


def write_scoring_model(folder: Path, labels: Sequence[str]) -> str:
    """A model that gives the first label to every record."""
    import tensorflow as tf

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples: Any) -> Any:
            first = tf.one_hot(tf.zeros_like(tf.strings.length(examples)), len(labels))
            return {"scores": first}

    model = Model()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
    return write_model(folder, make_card(labels, SMALL))


def test_a_pushed_model_is_asked_about_the_test_rows_of_the_run(uris: dict[str, str], tmp_path: Path) -> None:
    from diptych.components.report.comparison.collection import collect_pushed_model
    from diptych.models.serving.card import read_card

    model = write_scoring_model(tmp_path / "model", ["odd", "even"])
    dataset = collect(uris).dataset
    pushed = collect_pushed_model(model, read_card(model), dataset)
    of_test = {row_id for row_id, row in dataset.rows.items() if row.split == TEST}
    assert pushed.predictions == dict.fromkeys(of_test, ("odd",))
    assert pushed.is_pushed
    assert pushed.settings["image"]["height"] == SMALL.height
    (note,) = pushed.notes
    assert note.endswith("it was asked about the test rows here")


def test_a_model_that_reads_other_images_is_not_asked(uris: dict[str, str], tmp_path: Path) -> None:
    from diptych.components.report.comparison.collection import collect_pushed_model

    card = make_card(["odd", "even"])
    model = write_model(tmp_path / "model", card)
    pushed = collect_pushed_model(model, card, collect(uris).dataset)
    assert pushed.predictions is None
    assert "it reads images stored as" in pushed.notes[0]


def test_a_model_that_is_damaged_is_not_asked(uris: dict[str, str], tmp_path: Path) -> None:
    from diptych.components.report.comparison.collection import collect_pushed_model

    card = make_card(["odd", "even"], SMALL)
    pushed = collect_pushed_model(write_model(tmp_path / "model", card), card, collect(uris).dataset)
    assert pushed.predictions is None
    assert "it cannot be asked (" in pushed.notes[0]
