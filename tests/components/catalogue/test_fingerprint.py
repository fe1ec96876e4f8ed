"""The digest changes with every input byte, and with nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_inputs
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError
from tests.helpers import write_catalogue, write_image


@pytest.fixture
def data(tmp_path: Path) -> DataOptions:
    """Four rows: two images, a missing one and one outside the root."""
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, seed=ord(name[0]))
    names = ["a.png", "b.png", "absent.png", "../secret.png"]
    return write_catalogue(tmp_path, [{"image": name, "description": "t", "label": "c"} for name in names])


def path_beside(data: DataOptions, name: str) -> Path:
    return Path(data.catalogue).with_name(name)


def digest(data: DataOptions) -> str:
    return digest_inputs(Catalogue.open(data))


def test_nothing_changed_nothing_changes(data: DataOptions) -> None:
    assert digest(data) == digest(data)


def test_a_changed_image_byte_counts(data: DataOptions) -> None:
    before = digest(data)
    content = bytearray(path_beside(data, "b.png").read_bytes())
    content[-20] ^= 1
    path_beside(data, "b.png").write_bytes(content)
    assert digest(data) != before


def test_a_changed_catalogue_counts(data: DataOptions) -> None:
    before = digest(data)
    with open(data.catalogue, "a", encoding="utf-8") as file:
        file.write("\n")
    assert digest(data) != before


def test_swapped_images_count(data: DataOptions) -> None:
    before = digest(data)
    path_beside(data, "a.png").rename(path_beside(data, "c.png"))
    path_beside(data, "b.png").rename(path_beside(data, "a.png"))
    path_beside(data, "c.png").rename(path_beside(data, "b.png"))
    assert digest(data) != before


def test_a_file_that_appears_or_goes_counts(data: DataOptions) -> None:
    before = digest(data)
    write_image(path_beside(data, "absent.png"), seed=9)
    assert digest(data) != before
    path_beside(data, "absent.png").unlink()
    assert digest(data) == before
    path_beside(data, "absent.png").touch()
    assert digest(data) != before


def test_times_do_not_count(data: DataOptions) -> None:
    before = digest(data)
    for name in ("a.png", "catalogue.csv"):
        os.utime(path_beside(data, name), (1, 1))
    assert digest(data) == before


def test_files_that_no_row_names_do_not_count(data: DataOptions, tmp_path: Path) -> None:
    before = digest(data)
    write_image(path_beside(data, "other.png"), seed=7)
    (tmp_path.parent / "secret.png").write_bytes(b"outside the root")
    assert digest(data) == before


def test_a_pipe_is_not_waited_for(data: DataOptions) -> None:
    os.mkfifo(path_beside(data, "absent.png"))
    assert digest(data)


def test_no_catalogue_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="there is no file"):
        digest(DataOptions(catalogue=str(tmp_path / "absent.csv")))


def test_an_image_counts_however_its_path_is_spelt(tmp_path: Path) -> None:
    write_image(tmp_path / "x" / "a.png", seed=1)
    write_image(tmp_path / "x" / "b.png", seed=1)
    row = {"image": "x\\a.PNG", "description": "t", "label": "c"}
    data = write_catalogue(tmp_path, [row, {**row, "image": "/old/b"}], paths={"replace": {"/old": "x"}})
    digests = [digest(data)]
    write_image(tmp_path / "x" / "a.png", seed=2)
    digests.append(digest(data))
    write_image(tmp_path / "x" / "b.png", seed=2)
    digests.append(digest(data))
    assert digests[1] == digests[2], "without its ending, b.png is not found"
    data = data.model_copy(update={"paths": data.paths.model_copy(update={"endings": [".jpg", ".png"]})})
    digests.append(digest(data))
    write_image(tmp_path / "x" / "b.jpg", seed=3)
    digests.append(digest(data))
    (tmp_path / "x" / "a.PNG").write_bytes(b"another one")
    digests.append(digest(data))
    assert len(set(digests)) == 5


def test_each_image_of_a_row_counts(tmp_path: Path) -> None:
    for name in "ab":
        write_image(tmp_path / f"{name}.png", seed=1)
    row = {"image": "a.png;b.png", "description": "t", "label": "c"}
    data = write_catalogue(tmp_path, [row], paths={"several": "all", "separator": ";"})
    before = digest(data)
    write_image(tmp_path / "b.png", seed=2)
    assert digest(data) != before
