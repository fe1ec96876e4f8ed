"""The last blessed model is compared with if it scores the same records."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.models.images.options import ImageOptions
from tests.components.evaluator.model_cards import make_card, write_model


def test_models_compare_if_they_do_the_same_task_on_the_same_images_and_labels(tmp_path: Path) -> None:
    from diptych.components.evaluator.last_blessed import reason_not_comparable

    candidate = write_model(tmp_path / "new", make_card(["a", "b"]))
    assert reason_not_comparable(candidate, write_model(tmp_path / "same", make_card(["b", "a"]))) is None
    other_image = write_model(tmp_path / "image", make_card(["a", "b"], ImageOptions(height=32)))
    assert "images" in (reason_not_comparable(candidate, other_image) or "")
    other_labels = write_model(tmp_path / "labels", make_card(["a", "c"]))
    assert "['b', 'c']" in (reason_not_comparable(candidate, other_labels) or "")
    other_task = write_model(tmp_path / "task", make_card(["a", "b"], task="multilabel"))
    assert "multilabel" in (reason_not_comparable(candidate, other_task) or "")
    alone = write_model(tmp_path / "alone", make_card(["a", "b"]).model_copy(update={"text": None}))
    assert reason_not_comparable(candidate, alone) is None
    assert "reads descriptions" in (reason_not_comparable(alone, candidate) or "")


@pytest.mark.parametrize("card", ["", "{}", '{"labels": [], "image": {"unknown": 1}}'])
def test_a_card_of_another_time_is_no_error(tmp_path: Path, card: str) -> None:
    from diptych.components.evaluator.last_blessed import reason_not_comparable

    candidate = write_model(tmp_path / "new", make_card(["a", "b"]))
    old = write_model(tmp_path / "old", make_card(["a", "b"]))
    (tmp_path / "old" / "assets.extra" / "diptych.json").write_text(card)
    assert "card cannot be read" in (reason_not_comparable(candidate, old) or "")
