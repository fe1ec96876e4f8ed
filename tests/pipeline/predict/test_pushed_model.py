"""The pushed model that ``diptych predict`` finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.pipeline.predict.pushed_model import PredictError, find_pushed_model


def test_the_model_of_a_run_is_its_newest_pushed_one(tmp_path: Path) -> None:
    for number in ("9", "10", "notes"):
        (tmp_path / "pushed" / number).mkdir(parents=True)
    assert find_pushed_model(str(tmp_path)) == str(tmp_path / "pushed" / "10")
    (tmp_path / "pushed" / "9" / "saved_model.pb").write_bytes(b"")
    assert find_pushed_model(str(tmp_path / "pushed" / "9")) == str(tmp_path / "pushed" / "9")
    with pytest.raises(PredictError, match="holds no pushed model"):
        find_pushed_model(str(tmp_path / "elsewhere"))
