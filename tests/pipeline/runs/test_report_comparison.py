"""``diptych report A --compare B`` finds what is left of both, runs or pushed models, and refuses anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from diptych.pipeline.runs.report import ReportError
from diptych.pipeline.runs.report_comparison import write_comparison
from tests.components.evaluator.model_cards import write_whole_model
from tests.pipeline.runs.run_folders import NUMBER, PLACES, summarize, write_run


def write_ended_run(folder: Path, settings: dict[str, Any], guess: str | None) -> Path:
    """A run with a summary and predictions: one label for each row of test, or None for those that are right."""
    from diptych.components.example_columns import read_columns
    from diptych.models.tfrecords import list_split_files

    write_run(folder)
    artifacts: dict[str, dict[str, str]] = {}
    for place in PLACES.values():
        component, output = place.split("/")
        artifacts.setdefault(component, {})[output] = str(folder / "artifacts" / place / NUMBER)
    summarize(folder, artifacts=artifacts, settings=settings, versions={"tfx": "1"})
    test = read_columns(list_split_files(artifacts["ImageTextExampleGen"]["examples"], "test"), ["id"])
    labels = [list(each) for each in test.labels]
    predicted = labels if guess is None else [[guess]] * len(labels)
    table = {"id": test.values["id"].tolist(), "label": labels, "predicted": predicted, "score": [0.9] * len(labels)}
    parquet.write_table(pa.table(table), Path(artifacts["Evaluator"]["evaluation"]) / "predictions.parquet")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    one = write_ended_run(folder / "one", {"train": {"epochs": 5}}, "odd")
    return one, write_ended_run(folder / "two", {"train": {"epochs": 9}}, None)


def test_two_runs_of_the_same_data_are_compared_in_pairs(runs: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = runs
    text = Path(write_comparison(str(one), str(two), str(tmp_path / "both.html"))).read_text(encoding="utf-8")
    assert "Accuracy 100.0% of B against 50.0% of A: +50.0 points" in text
    assert "The test rows are the same: 6 rows" in text
    assert "The data are equal, record by record" in text
    assert "train.epochs" in text
    assert text.count(str(two)) >= 2
    # The rows that were won are shown with their pictures.
    assert text.count("data:image/webp;base64,") == 3


def test_a_run_that_left_next_to_nothing_is_compared_as_far_as_it_goes(runs: tuple[Path, Path], tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    (killed / "artifacts" / "DataGate" / "verdict" / "3").mkdir(parents=True)
    text = Path(write_comparison(str(killed), str(runs[0]), str(tmp_path / "both.html"))).read_text(encoding="utf-8")
    assert "Not comparable: there are no predictions of A." in text
    assert "A kept no settings: an earlier version made it, or it was killed." in text


def test_a_pushed_model_has_what_its_card_says(runs: tuple[Path, Path], tmp_path: Path) -> None:
    pushed = write_whole_model(tmp_path / "1795925226")
    text = Path(write_comparison(str(runs[0]), pushed, str(tmp_path / "both.html"))).read_text(encoding="utf-8")
    assert "Not comparable: there are no predictions of B." in text
    assert "B is a pushed model, whose card has no metrics, no data and only the settings" in text
    assert "it reads images stored as" in text
    assert "image.height" in text


def test_what_is_neither_is_refused_in_a_sentence(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run, output = str(runs[0]), str(tmp_path / "both.html")
    nothing = tmp_path / "nothing"
    for pair in ((run, str(nothing)), (str(nothing), run)):
        with pytest.raises(ReportError, match=r"nothing' holds no run: .*; and it is no pushed model"):
            write_comparison(*pair, output)
    half = Path(write_whole_model(tmp_path / "1795925227"))
    (half / "saved_model.pb").unlink()
    with pytest.raises(ReportError, match="only a part of a model: 'saved_model.pb' is missing"):
        write_comparison(run, str(half), output)
    old = Path(write_whole_model(tmp_path / "1795925228"))
    (old / "assets.extra" / "diptych.json").write_text('{"labels": []}')
    with pytest.raises(ReportError, match="another version of Diptych wrote"):
        write_comparison(run, str(old), output)
    assert not Path(output).exists()
