"""Features of images are kept between trainings, and computed once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diptych.models.training.feature_cache import FeatureCache, cache_folder

IMAGES = [b"one", b"three", b"seven"]


class Lengths:
    """Computes features ``[m, 2]`` of images, and records of which."""

    def __init__(self) -> None:
        self.computed: list[bytes] = []

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        given = images.numpy().tolist()
        self.computed += given
        return tf.constant([[len(image), image[0]] for image in given], tf.float32)


EXPECTED = [[3, ord("o")], [5, ord("t")], [5, ord("s")]]


def look_up(folder: Path | None, images: list[bytes], write: bool = True) -> tuple[np.ndarray, list[bytes]]:
    """The features of images by a cache of a folder, and the images of which they were computed."""
    cache, compute = FeatureCache(None if folder is None else str(folder)), Lengths()
    found = np.empty((len(images), 2), np.float32)
    cache.look_up(images, compute, found)
    if write:
        cache.write()
    return found, compute.computed


def test_features_are_in_the_order_of_the_images(tmp_path: Path) -> None:
    found, computed = look_up(tmp_path, [IMAGES[2], IMAGES[0], IMAGES[2]])
    assert found.dtype == np.float32
    assert found.tolist() == [EXPECTED[2], EXPECTED[0], EXPECTED[2]]
    assert computed == [IMAGES[2], IMAGES[0]]


def test_what_was_written_is_found_again_and_only_the_rest_computed(tmp_path: Path) -> None:
    look_up(tmp_path / "new" / "folder", IMAGES[:2])
    assert FeatureCache(str(tmp_path / "new" / "folder")).found == 2
    found, computed = look_up(tmp_path / "new" / "folder", IMAGES[::-1])
    assert (found.tolist(), computed) == (EXPECTED[::-1], [IMAGES[2]])
    assert FeatureCache(str(tmp_path / "new" / "folder")).found == 3
    assert look_up(tmp_path / "new" / "folder", IMAGES)[1] == []


def test_one_cache_computes_an_image_once() -> None:
    cache, compute = FeatureCache(None), Lengths()
    for _ in range(2):
        found = np.empty((len(IMAGES), 2), np.float32)
        cache.look_up(IMAGES, compute, found)
        assert found.tolist() == EXPECTED
    assert compute.computed == IMAGES


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    look_up(None, IMAGES)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_new_is_not_written_again(tmp_path: Path) -> None:
    look_up(tmp_path, IMAGES)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    look_up(tmp_path, IMAGES)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("damage", ["cut", "emptied", "other", "pickled", "shorter"])
def test_a_damaged_file_is_left_out_and_its_features_computed_again(damage: str, tmp_path: Path) -> None:
    look_up(tmp_path, IMAGES[:1])
    whole = next(tmp_path.iterdir())
    look_up(tmp_path, IMAGES)
    (damaged,) = set(tmp_path.iterdir()) - {whole}
    if damage == "cut":
        damaged.write_bytes(damaged.read_bytes()[:-40])
    elif damage == "emptied":
        damaged.write_bytes(b"")
    elif damage == "other":
        damaged.write_bytes(b"no archive")
    else:
        arrays: dict[str, Any] = dict(np.load(damaged))
        arrays["vectors"] = arrays["vectors"][:1] if damage == "shorter" else np.array([{}, {}], object)
        np.savez(damaged, **arrays)
    assert FeatureCache(str(tmp_path)).found == 1
    found, computed = look_up(tmp_path, IMAGES)
    assert (found.tolist(), computed) == (EXPECTED, IMAGES[1:])
    assert look_up(tmp_path, IMAGES)[1] == []


def test_a_kill_while_a_file_is_written_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tf.io.gfile, "rename", kill)
        with pytest.raises(KeyboardInterrupt):
            look_up(tmp_path, IMAGES)
    assert list(tmp_path.glob("*.npz")) == []
    assert FeatureCache(str(tmp_path)).found == 0
    assert look_up(tmp_path, IMAGES)[1] == IMAGES
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_features_of_another_extractor_lie_elsewhere(tmp_path: Path) -> None:
    identities = [("code", "weights", "options"), ("code", "other", "options"), ("code", "weights"), ("codeweights",)]
    folders = {cache_folder(str(tmp_path), *identity) for identity in identities}
    assert len(folders) == 4
    assert {str(Path(folder).parent) for folder in folders} == {str(tmp_path)}
    assert cache_folder(str(tmp_path), *identities[0]) in folders
    first, second = sorted(folders)[:2]
    look_up(Path(first), IMAGES)
    assert look_up(Path(second), IMAGES)[1] == IMAGES
