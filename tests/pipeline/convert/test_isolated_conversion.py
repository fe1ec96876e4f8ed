"""Pickles are converted in a process with limits, whose result and errors are those of the conversion itself."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from diptych.models.errors import OK, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.convert import isolation
from diptych.pipeline.convert.conversion import ConversionResult, convert
from diptych.pipeline.convert.errors import ConversionError
from diptych.pipeline.convert.isolation import Limits
from tests.helpers import noise

COUNT = 5
IMAGES = np.stack([noise(number) for number in range(COUNT)])
TEXTS = [f"a long text about number {number}" for number in range(COUNT)]
LABELS = ["odd" if number % 2 else "even" for number in range(COUNT)]


def first_pixels(catalogue: Path) -> np.ndarray:
    """The pixels of the catalogue's first row."""
    return np.asarray(Image.open(io.BytesIO(pq.read_table(catalogue).to_pylist()[0]["image"]["bytes"])))


def test_a_pickle_is_read_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The arguments and the result cross to it and back, whatever characters they have."""
    old, new = tmp_path / "größe \udcff.pkl", tmp_path / "new.parquet"
    rows = [{"image": IMAGES[0], "words": "some words", "ü": "c"}, {"image": "a.png", "words": "\ud800 x", "ü": "c"}]
    old.write_bytes(pickle.dumps(rows))
    names = {"description": "words", "label": "ü"}
    done = convert(str(old), str(new), names)
    assert done == ConversionResult({"image": "image", **names}, 2, 1, 1, done.problems)
    assert [number for number, _ in done.problems] == [2]
    np.testing.assert_array_equal(first_pixels(new), IMAGES[0])
    with pytest.raises(ConversionError, match="exists"):
        convert(str(old), str(new), names)


def test_a_pickle_that_ends_its_process_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "limits_for", lambda _: Limits(memory=1, seconds=1))
    old, new = tmp_path / "old.pkl", tmp_path / "new.parquet"
    old.write_bytes(pickle.dumps([1]))
    with pytest.raises(ConversionError, match="old.pkl"):
        convert(str(old), str(new), {})
    assert os.listdir(tmp_path) == ["old.pkl"]


def test_a_catalogue_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "old.pkl").write_bytes(pickle.dumps((IMAGES, TEXTS, LABELS)))
    with pytest.raises(FileNotFoundError, match="No such file or directory: '.*/absent/new.parquet'$"):
        convert(str(tmp_path / "old.pkl"), str(tmp_path / "absent" / "new.parquet"), {})


@pytest.mark.parametrize("name", ["absent.pkl", "folder.pkl"])
def test_a_pickle_that_is_no_file_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.pkl").mkdir()
    with pytest.raises(ConversionError, match=f"{name}' cannot be read"):
        convert(str(tmp_path / name), str(tmp_path / "new.parquet"), {})


def test_the_command_converts_and_says_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old.pkl", tmp_path / "new.parquet"
    old.write_bytes(pickle.dumps({"X": IMAGES, "words": TEXTS, "y": LABELS}))
    assert main(["convert", str(old), str(new), "--description", "words", "--channels", "bgr"]) == OK
    shown = capsys.readouterr().out
    assert "5 rows: 5 images inside the catalogue" in shown
    assert "image from 'X', description from 'words', label from 'y'" in shown
    assert f"diptych init {new}" in shown
    np.testing.assert_array_equal(first_pixels(new), IMAGES[0][..., ::-1])


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "old.pkl"
    old.write_bytes(pickle.dumps([print]))
    assert main(["convert", str(old), str(tmp_path / "new.parquet")]) == USAGE
    message = capsys.readouterr().err
    assert "print" in message
    assert message.count("\n") == 1
