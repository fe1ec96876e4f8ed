"""``diptych init``: the settings that it writes can be loaded, and are right for each kind of catalogue."""

from __future__ import annotations

import csv
import json
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.models.errors import OK, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.demo.digits import write_digits_catalogue
from diptych.pipeline.settings import Settings, load_settings
from tests.helpers import as_file, noise, write_image
from tests.paths import EMOJI

COUNT = 12
Rows = Sequence[Mapping[str, Any]]


def rows(prefix: str = "") -> list[dict[str, Any]]:
    return [
        {"file": f"{prefix}{n}.png", "caption": f"a text about {n}", "class": ("cat", "dog")[n % 2], "sku": n // 3}
        for n in range(COUNT)
    ]


def write_images(folder: Path) -> None:
    for number in range(COUNT):
        write_image(folder / f"{number}.png", number)


def initialised(catalogue: Path | str, *arguments: str) -> Settings:
    """The settings that the command writes for a catalogue, loaded."""
    output = Path(str(catalogue).partition("*")[0]).parent / "settings" / "diptych.yaml"
    output.parent.mkdir(exist_ok=True)
    assert main(["init", str(catalogue), "--output", str(output), *arguments]) == OK
    return load_settings(str(output))


def write_csv(folder: Path, table: Rows, **options: Any) -> Path:
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, list(table[0]), **options)
        writer.writeheader()
        writer.writerows(table)
    return path


def write_tsv(folder: Path, table: Rows) -> Path:
    return write_csv(folder, table, delimiter="\t").rename(folder / "rows.tsv")


def write_jsonl(folder: Path, table: Rows) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, table)))
    return path


def write_json(folder: Path, table: Rows) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(table))
    return path


def write_parquet(folder: Path, table: Rows) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(list(table)), path)
    return path


TABLES: Mapping[str, Callable[[Path, Rows], Path]] = {
    "csv": write_csv,
    "tsv": write_tsv,
    "jsonl": write_jsonl,
    "json": write_json,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_are_understood(tmp_path: Path, kind: str) -> None:
    write_images(tmp_path)
    settings = initialised(TABLES[kind](tmp_path, rows()))
    data = settings.data
    assert data.columns.model_dump(exclude_none=True) == {"image": "file", "description": "caption", "label": "class"}
    assert (data.split_by, data.format, data.encoding, data.images_root) == ("sku", "auto", "utf-8", None)
    assert data.catalogue == str(tmp_path / f"rows.{kind}")


def test_inline_images_of_parquet_are_understood(tmp_path: Path) -> None:
    table = [
        {"img": {"bytes": as_file(noise(n, 70, 100)), "path": None}, "text": "two words", "y": n % 2} for n in range(9)
    ]
    settings = initialised(write_parquet(tmp_path, table))
    assert settings.data.columns.model_dump(exclude_none=True) == {"image": "img", "description": "text", "label": "y"}
    assert (settings.image.height, settings.image.width) == (64, 96)


def test_an_image_folder_of_hugging_face_is_understood(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    write_images(folder)
    table = [{"file_name": row["file"], "text": row["caption"], "label": row["class"]} for row in rows()]
    write_csv(folder, table).rename(folder / "metadata.csv")
    settings = initialised(folder)
    assert settings.name == "pets"
    assert settings.data.columns.image == "file_name"
    assert settings.data.columns.description == "text"


def test_a_folder_of_class_folders_is_understood(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    for row in rows():
        write_image(folder / row["class"] / row["file"], row["sku"])
        (folder / row["class"] / row["file"]).with_suffix(".txt").write_text(row["caption"])
    assert initialised(folder).data.columns.model_dump(exclude_none=True) == {
        "image": "image",
        "description": "description",
        "label": "label",
    }


def test_a_tar_of_webdataset_is_understood(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    for row in rows():
        stem = folder / row["file"]
        write_image(stem, row["sku"])
        stem.with_suffix(".txt").write_text(row["caption"])
        stem.with_suffix(".cls").write_text(row["class"])
    with tarfile.open(tmp_path / "pets.tar", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    settings = initialised(tmp_path / "pets.tar")
    assert (settings.name, settings.image.height) == ("pets", 32)


def test_tfrecords_are_understood(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")

    def feature(*values: bytes) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    with tf.io.TFRecordWriter(str(tmp_path / "pets.tfrecord")) as writer:
        for row in rows():
            features = {
                "image": feature(as_file(noise(row["sku"]))),
                "text": feature(row["caption"].encode()),
                "species": feature(row["class"].encode()),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    settings = initialised(tmp_path / "pets.tfrecord")
    assert settings.data.columns.model_dump(exclude_none=True) == {
        "image": "image",
        "description": "text",
        "label": "species",
    }


def test_captions_of_coco_are_understood(tmp_path: Path) -> None:
    write_images(tmp_path)
    document = {
        "images": [{"id": n, "file_name": f"{n}.png"} for n in range(COUNT)],
        "annotations": [
            {"id": n, "image_id": n, "caption": f"a text about {n}", "category_id": n % 2} for n in range(COUNT)
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    (tmp_path / "captions.json").write_text(json.dumps(document))
    settings = initialised(tmp_path / "captions.json")
    assert settings.data.columns.label == "label"
    assert settings.image.height == 32


def test_a_pattern_of_files_is_kept(tmp_path: Path) -> None:
    write_images(tmp_path)
    write_csv(tmp_path, rows()).rename(tmp_path / "part-1.csv")
    write_csv(tmp_path, rows()).rename(tmp_path / "part-2.csv")
    assert initialised(tmp_path / "part-*.csv").data.catalogue == str(tmp_path / "part-*.csv")


def test_images_in_a_folder_beside_the_catalogue_are_found(tmp_path: Path) -> None:
    write_images(tmp_path / "pictures")
    (tmp_path / "empty").mkdir()
    assert initialised(write_csv(tmp_path, rows())).data.images_root == str(tmp_path / "pictures")


def test_images_that_cannot_be_found_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = initialised(write_csv(tmp_path, rows()))
    assert (settings.data.images_root, settings.image.height) == (None, 64)
    assert "No image could be opened" in capsys.readouterr().out
    assert "# images_root: FOLDER" in (tmp_path / "settings" / "diptych.yaml").read_text()


def test_images_are_stored_about_as_large_as_they_are(tmp_path: Path) -> None:
    for number in range(COUNT):
        (tmp_path / f"{number}.png").write_bytes(as_file(noise(number, height=64, width=95)))
    image = initialised(write_csv(tmp_path, rows())).image
    assert (image.height, image.width) == (64, 96)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_the_encoding_is_said_where_it_is_no_utf_8(tmp_path: Path, encoding: str) -> None:
    write_images(tmp_path)
    table = [{**row, "caption": "une fenêtre fermée à côté du café"} for row in rows()]
    assert initialised(write_csv(tmp_path, table, encoding=encoding)).data.encoding == encoding


@pytest.mark.parametrize(
    "name", ["on", "a: b", "#1", "null", "'", '"', "{x", "two\nlines", "é\u2028", "- a", "1e3", " a "]
)
def test_any_name_of_a_column_survives_yaml(tmp_path: Path, name: str) -> None:
    write_images(tmp_path)
    table = [{name: row["file"], "caption": row["caption"], "class": row["class"]} for row in rows()]
    assert initialised(write_jsonl(tmp_path, table)).data.columns.image == name


def test_a_value_that_no_text_file_can_hold_is_escaped_in_a_comment(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    table = "\ufeffimage,description,label,split\na.png,a text,cat,train\nb.png,more text,dog,tra\udcff\n"
    path.write_bytes(table.encode("utf-16-be", "surrogatepass"))
    initialised(path)
    assert "tra\\udcff" in (tmp_path / "settings" / "diptych.yaml").read_text(encoding="utf-8")


def test_what_could_not_be_guessed_is_a_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path)
    initialised(write_csv(tmp_path, [{"file": row["file"], "n": n * 0.37} for n, row in enumerate(rows())]))
    written = (tmp_path / "settings" / "diptych.yaml").read_text()
    assert "description: null  # no column holds texts that describe the images" in written
    assert "# label: COLUMN  # no column looks like it" in written
    assert "Not found: label" in capsys.readouterr().out


def test_nothing_is_overwritten_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path)
    catalogue = write_csv(tmp_path, rows())
    output = tmp_path / "diptych.yaml"
    output.write_text("precious")
    assert main(["init", str(catalogue), "--output", str(output)]) == USAGE
    assert "--force" in capsys.readouterr().err
    assert output.read_text() == "precious"
    assert main(["init", str(catalogue), "--output", str(output), "--force"]) == OK
    assert load_settings(str(output)).data.catalogue == str(catalogue)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.csv", b"a,b\n1,2\n", "no column of .* holds paths or bytes of images; its columns are a, b"),
        ("rows.csv", b"", "is empty"),
        ("rows.jsonl", b"no json\n", "no row"),
        ("rows.parquet", b"PAR1", "cannot be read as Parquet"),
        ("rows.tfrecord", b"\xff" * 20, "no whole TFRecord file"),
        ("rows.json", b"[1, 2", "rows.json"),
        ("rows.xlsx", b"", "cannot be read as a spreadsheet"),
        ("rows.xls", b"", "readable are"),
    ],
)
def test_where_nothing_fits_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    output = tmp_path / "diptych.yaml"
    assert main(["init", str(tmp_path / name), "--output", str(output)]) == USAGE
    told = capsys.readouterr().err
    assert re.search(message, told)
    assert told.count("\n") == 1
    assert not output.exists()


def test_what_is_wrong_with_every_row_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open(tmp_path / "rows.tar", "w") as archive:
        for name in ("v1.2.jpg", "v1.2.txt", "v1.3.jpg", "v1.3.txt"):
            archive.addfile(tarfile.TarInfo(name))
    assert main(["init", str(tmp_path / "rows.tar"), "--output", str(tmp_path / "diptych.yaml")]) == USAGE
    told = capsys.readouterr().err
    assert "has no row that can be read: 'v1.2.jpg', 'v1.3.jpg'; the key ends at the first dot of a name" in told


def test_an_absent_catalogue_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "diptych.yaml")]) == USAGE
    assert "there is no file" in capsys.readouterr().err


def test_the_demo_s_catalogue_is_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = initialised(write_digits_catalogue(str(tmp_path / "digits")))
    assert settings.name == "digits"
    assert settings.data.columns.model_dump(exclude_none=True) == {
        "image": "image",
        "description": "description",
        "label": "label",
    }
    assert settings.data.split_by is None
    assert (settings.image.height, settings.image.width) == (32, 32)
    assert "diptych check" in capsys.readouterr().out


def test_the_emoji_catalogue_is_understood(tmp_path: Path) -> None:
    if not EMOJI.is_dir():
        pytest.skip("the emoji catalogue, ../shared/data/emoji, is absent")
    output = tmp_path / "diptych.yaml"
    assert main(["init", str(EMOJI / "catalogue.csv"), "--output", str(output)]) == OK
    settings = load_settings(str(output))
    assert settings.name == "emoji"
    assert settings.data.catalogue == str(EMOJI / "catalogue.csv")
    assert settings.data.columns.model_dump(exclude_none=True) == {
        "image": "image",
        "description": "description",
        "label": "label",
    }
    assert settings.data.split_by == "group"
    # The images are 128 x 128, but on few cores so many of them would train for long.
    assert settings.image.height == settings.image.width <= 128


def test_a_column_whose_name_comes_twice_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path)
    lines = [f'{number}.png,cat,{number},"a text about it"' for number in range(COUNT)]
    (tmp_path / "rows.csv").write_text("\n".join(["image,label,label,description", *lines]))
    assert main(["init", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "diptych.yaml")]) == USAGE
    assert "several columns named 'label'; rename all but one" in capsys.readouterr().err


def test_of_a_great_number_of_columns_some_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.json").write_text(json.dumps({f"{number}.png": "cat" for number in range(1000)}))
    assert main(["init", str(tmp_path / "rows.json"), "--output", str(tmp_path / "diptych.yaml")]) == USAGE
    assert "19.png and 980 more" in capsys.readouterr().err


def test_where_no_image_is_found_what_was_taken_of_the_table_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path)
    lines = [f"{number}.png,“a text, number {number}”,cat" for number in range(COUNT)]
    (tmp_path / "rows.csv").write_text("\n".join(["image,description,label", *lines]))
    assert main(["init", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "diptych.yaml")]) == USAGE
    assert "data.table.unnamed_field was taken to be first: each row has one field more" in capsys.readouterr().err


def test_rows_without_a_split_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path)
    table = [{**row, "split": ("train", "test", "")[place % 3]} for place, row in enumerate(rows())]
    initialised(write_csv(tmp_path, table))
    assert "4 of them have no split, and a run rejects such rows" in capsys.readouterr().out


def test_a_single_label_is_told_to_be_no_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path)
    initialised(write_csv(tmp_path, [{**row, "class": "cat"} for row in rows()]))
    assert "1 different value, so there is nothing to tell apart" in capsys.readouterr().out


def test_images_in_a_folder_beside_the_catalogue_s_are_found_by_its_name(tmp_path: Path) -> None:
    for folder in ("lists", "specimens"):
        (tmp_path / folder).mkdir()
    write_images(tmp_path / "specimens")
    settings = initialised(write_csv(tmp_path / "lists", rows("../specimens/")))
    assert settings.data.images_root == str(tmp_path)
    assert settings.data.paths.replace == {"../": ""}


@pytest.mark.parametrize(
    "content",
    [
        b"im\xffage,description,label\n" + "a.png,éàéàéà,c\n".encode() * 9,
        b"image,description,label\n" + b"a.png,\0a text of some length\0,some label\n" * 9,
    ],
    ids=["a name that is no text", "zeros in the place of quotes"],
)
def test_damaged_tables_give_no_traceback(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    assert main(["init", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "diptych.yaml")]) in (OK, USAGE)
