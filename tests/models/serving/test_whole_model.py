"""A model is told from a part of one, whatever part that is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.models.serving.whole_model import find_model_damage, find_whole_model
from tests.components.evaluator.model_cards import write_whole_model

CARD, WEIGHTS = "assets.extra/diptych.json", "assets.extra/model.weights.h5"
VARIABLES = "variables/variables.data-00000-of-00001"
FILES = ("saved_model.pb", "variables/variables.index", VARIABLES, CARD, "assets.extra/encoders.json", WEIGHTS)
DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "without its last byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_whole_model(tmp_path_factory.mktemp("exported") / "model"))


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> Path:
    """A model that a test may damage, the later of two."""
    for version in ("9", "10"):
        shutil.copytree(exported, tmp_path / "pushed" / version)
    return tmp_path / "pushed" / "10"


def test_a_whole_model_is_whole(exported: Path) -> None:
    assert find_model_damage(str(exported)) is None
    assert find_model_damage(f"{exported}/") is None


def test_the_path_of_a_model_is_no_pattern(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "a[1]*")
    assert find_model_damage(str(tmp_path / "a[1]*")) is None


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_part_of_a_model_is_passed_over_and_its_file_is_named(model: Path, name: str, damage: str) -> None:
    DAMAGES[damage](model / name)
    found = find_whole_model(str(model.parent))
    assert found.folder == str(model.parent / "9")
    (sentence,) = found.passed_over
    assert sentence.startswith(f"'{model}' is passed over")
    assert "\n" not in sentence
    # TensorFlow finds by the index what the other file lacks.
    assert (name if name != VARIABLES else "variables.index") in sentence


def test_a_flipped_bit_in_the_variables_is_found(model: Path) -> None:
    content = bytearray((model / VARIABLES).read_bytes())
    content[len(content) // 2] ^= 1
    (model / VARIABLES).write_bytes(content)
    assert "'variables/variables.index' is damaged" in (find_model_damage(str(model)) or "")


def test_a_vocabulary_that_is_missing_is_found(model: Path) -> None:
    (model / "assets" / "words.txt").unlink()
    damage = "'saved_model.pb' is damaged (its file 'assets/words.txt' is missing)"
    assert find_model_damage(str(model)) == damage


def test_a_card_of_another_version_of_diptych_is_no_damage(model: Path) -> None:
    (model / CARD).write_text('{"unknown": 1}')
    assert find_model_damage(str(model)) is None


@pytest.mark.parametrize("name", ["saved_model.pb", "variables.index", WEIGHTS])
def test_a_model_that_may_not_be_read_is_not_passed_over(
    model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as a user who may read all."""
    import tensorflow as tf

    def refuse(path: str, *_: object) -> None:
        if name in str(path):
            raise tf.errors.PermissionDeniedError(None, None, f"{path}; Permission denied")
        return real(path)

    real = tf.io.gfile.stat
    monkeypatch.setattr(tf.io.gfile, "stat", refuse)
    with pytest.raises(PermissionError, match=name):
        find_whole_model(str(model.parent))


def test_where_there_is_no_model_there_is_none(tmp_path: Path) -> None:
    assert find_whole_model(str(tmp_path / "absent")).folder is None
    (tmp_path / "10").mkdir()
    (tmp_path / "11").write_text("a file")
    found = find_whole_model(str(tmp_path))
    assert (found.folder, len(found.passed_over)) == (None, 2)
