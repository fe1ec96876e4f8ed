"""Catalogues that declare which rows are train, val and test: by folders, names of files, or a column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from diptych.models.features import SPLITS
from tests.first_contact.layouts import Written, by_script, layout, register
from tests.first_contact.pictures import Item, items, picture_bytes, split_items, without_texts
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import frame_of, write_class_folders, write_picture, write_pictures, write_shards

_KEPT = "kept"


def _by_split(rows: Iterable[Item]) -> Mapping[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for row in rows:
        found[row.split or "train"].append(row)
    return found


def _table(rows: Iterable[Item], **columns: Callable[[Item], object]) -> pd.DataFrame:
    return frame_of(rows, species=lambda row: row.labels[0], **columns)


def _split_folders(
    name: str, tool: str, what: str, folders: Mapping[str, str], says: tuple[str, ...] = (_KEPT,)
) -> None:
    """A layout of class folders in the folders of train, val and test, of which some may be missing."""

    def write(folder: Path, _: Tools) -> Written:
        rows = without_texts(split_items(*(split for split in SPLITS if split not in folders)))
        write_class_folders(rows, folder, folders)
        return Written(folder, rows, says=says)

    register(name, tool, what, write)


_split_folders(
    "keras_directories",
    "Keras, by hand",
    "train, validation and test folders, each for image_dataset_from_directory",
    {"train": "train", "val": "validation", "test": "test"},
)
_split_folders(
    "torchvision_folders",
    "torchvision, by hand",
    "train and val folders for ImageFolder, as ImageNet has them",
    {"train": "train", "val": "val"},
    ("test taken from train",),
)
_split_folders(
    "train_and_test_folders",
    "by hand",
    "only train and test folders above class folders",
    {"train": "TRAIN", "test": "TEST"},
    ("val taken from train",),
)
_split_folders(
    "nested_archive",
    "Kaggle",
    "an unpacked archive: dataset/train/train and dataset/test/test above class folders",
    {"train": "archive/dataset/train/train", "test": "archive/dataset/test/test"},
)
_split_folders(
    "named_sets",
    "Kaggle",
    "training_set and test_set above class folders",
    {"train": "training_set", "test": "test_set"},
)
_split_folders(
    "joined_words",
    "by hand",
    "TrainData and TestData above class folders",
    {"train": "TrainData", "test": "TestData"},
    ("train (TrainData), test (TestData); kept",),
)
_split_folders(
    "plural_words",
    "by hand",
    "Training, validation_set and Tests above class folders",
    {"train": "Training", "val": "validation_set", "test": "Tests"},
)


@layout("fastai, by hand", "train and valid folders for ImageDataLoaders.from_folder, and test without classes")
def fastai_folders(folder: Path, _: Tools) -> Written:
    """GrandparentSplitter takes ``train`` and ``valid`` for the splits."""
    rows = without_texts(split_items("test"))
    write_class_folders(rows, folder, {"train": "train", "val": "valid"})
    for number in range(400, 404):
        write_picture(folder / "test" / f"{number}.png", number)
    return Written(folder, rows, rejects=4, says=("test has no labels", "test taken from train"))


@layout("TensorFlow Datasets", "folders for folder_dataset.ImageFolder")
def tfds_image_folder(folder: Path, _: Tools) -> Written:
    """``split/label/image``; the loader itself reads what was written."""
    import tensorflow_datasets as tfds

    rows = without_texts(split_items("val"))
    write_class_folders(rows, folder / "pets", {"train": "train", "test": "test"})
    splits = tfds.folder_dataset.ImageFolder(str(folder / "pets")).info.splits
    assert {name: split.num_examples for name, split in splits.items()} == {"train": 18, "test": 6}
    return Written(folder / "pets", rows, says=("val taken from train",))


@layout("by hand", "class folders of vehicles, one of them named train")
def a_class_named_train(folder: Path, _: Tools) -> Written:
    """Pictures of trains are no split."""
    vehicles = {"bird": "bus", "cat": "car", "dog": "train"}
    rows = [replace(row, labels=(vehicles[row.labels[0]],)) for row in without_texts(items())]
    for row in rows:
        write_picture(folder / row.labels[0] / f"{row.picture}.png", row.picture)
    return Written(folder, rows, says=("'train' lies among classes of other names, so it is a class",))


@layout("Hugging Face datasets, by hand", "imagefolder: train, validation and test folders with a metadata.csv in each")
def imagefolder_with_metadata_in_each(folder: Path, _: Tools) -> Written:
    """``file_name`` is relative to the folder of the metadata."""
    rows = split_items()
    for split, of_split in _by_split(rows).items():
        inner = folder / {"val": "validation"}.get(split, split)
        write_pictures(of_split, inner)
        table = _table(of_split, file_name=lambda row: f"{row.picture}.png").drop(columns="image")
        table.to_csv(inner / "metadata.csv", index=False)
    return Written(folder, rows, says=(_KEPT,))


@layout(
    "Hugging Face datasets, by hand",
    "imagefolder: metadata.jsonl at the top, of images in train, dev and test",
)
def imagefolder_with_metadata_at_the_top(folder: Path, _: Tools) -> Written:
    """``file_name`` begins with the folder of the split."""
    rows = split_items()
    names = {"train": "train", "val": "dev", "test": "test"}
    for split, of_split in _by_split(rows).items():
        write_pictures(of_split, folder / names[split])
    table = _table(rows, file_name=lambda row: f"{names[row.split or '']}/{row.picture}.png").drop(columns="image")
    table.to_json(folder / "metadata.jsonl", orient="records", lines=True)
    return Written(folder, rows, says=("by the names of its images' folders",))


_HUGGING_FACE = "Hugging Face datasets"
register(
    "converted_parquet",
    _HUGGING_FACE,
    "Parquet as the Hub converts it: default/train/0000.parquet",
    by_script(("hf_splits.py", "parquet"), rows=split_items, says=(_KEPT,)),
)
register(
    "dataset_dict_on_disk",
    _HUGGING_FACE,
    "save_to_disk of a DatasetDict with train, validation and test",
    by_script(("hf_splits.py", "arrow"), "pets", split_items, (_KEPT,)),
)
register(
    "json_lines_by_split",
    _HUGGING_FACE,
    "train.jsonl, validation.jsonl and test.jsonl of to_json, beside the images",
    by_script(("hf_splits.py", "json"), rows=split_items, says=(_KEPT,)),
)


@layout("WebDataset", "shards of ShardWriter named train-000000.tar, val-000000.tar and test-000000.tar")
def shards_by_split(folder: Path, _: Tools) -> Written:
    """Several shards of train."""
    rows = split_items()
    for split, of_split in _by_split(rows).items():
        write_shards(folder / f"{split}-%06d.tar", of_split, 10)
    return Written(folder, rows, says=(_KEPT,))


@layout("TensorFlow Datasets", "TFRecord files of a builder: pets-train.tfrecord-00000-of-00001")
def tfds_records(folder: Path, _: Tools) -> Written:
    """The folder of the version is given."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    rows = split_items()
    names = sorted({row.labels[0] for row in rows})
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(encoding_format="png"),
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=names),
        }
    )

    def examples(of_split: list[Item]) -> tf.data.Dataset:
        values = [
            {"image": tf.io.decode_png(picture_bytes(row.picture)).numpy(), "text": row.text, "label": row.labels[0]}
            for row in of_split
        ]
        columns = {name: [value[name] for value in values] for name in features}
        columns["label"] = [names.index(label) for label in columns["label"]]
        return tf.data.Dataset.from_tensor_slices(columns)

    tfds.dataset_builders.store_as_tfds_dataset(
        name="pets",
        version="1.0.0",
        features=features,
        split_datasets={
            {"val": "validation"}.get(split, split): examples(of_split) for split, of_split in _by_split(rows).items()
        },
        data_dir=str(folder),
    )
    return Written(folder / "pets" / "1.0.0", rows, says=(_KEPT,))


@layout("Kaggle", "train.csv with labels, test.csv without, and sample_submission.csv")
def kaggle_tables(folder: Path, _: Tools) -> Written:
    """The rows of test are not learned from."""
    rows, unlabelled = split_items("val", "test"), items(40)[30:]
    write_pictures([*rows, *unlabelled], folder / "images")
    _table(rows).to_csv(folder / "train.csv", index=False)
    _table(unlabelled).drop(columns="species").to_csv(folder / "test.csv", index=False)
    _table(unlabelled)[["image"]].assign(species="cat").to_csv(folder / "sample_submission.csv", index=False)
    says = ("test has no labels", "val and test taken from train", "not read, because they name no split")
    return Written(folder, rows, rejects=len(unlabelled), says=says)


@layout("AutoGluon, by hand", "train.csv, dev.csv and test.csv of a multimodal dataset beside their images")
def autogluon_tables(folder: Path, _: Tools) -> Written:
    """As its tutorials' datasets are unpacked."""
    rows = split_items()
    write_pictures(rows, folder / "images")
    for split, of_split in _by_split(rows).items():
        _table(of_split).to_csv(folder / f"{ {'val': 'dev'}.get(split, split) }.csv", index=False)
    return Written(folder, rows, says=(_KEPT,))


@layout("pandas", "tables in parts that a pattern matches: pets-train-0.csv, pets-valid.csv, pets-test.csv")
def tables_by_a_pattern(folder: Path, _: Tools) -> Written:
    """Beside a file that the pattern leaves out."""
    rows = split_items()
    write_pictures(rows, folder / "images")
    by_split = _by_split(rows)
    half = len(by_split["train"]) // 2
    _table(by_split["train"][:half]).to_csv(folder / "pets-train-0.csv", index=False)
    _table(by_split["train"][half:]).to_csv(folder / "pets-train-1.csv", index=False)
    _table(by_split["val"]).to_csv(folder / "pets-valid.csv", index=False)
    _table(by_split["test"]).to_csv(folder / "pets-test.csv", index=False)
    (folder / "notes.csv").write_text("what,who\nread,me\n", encoding="utf-8")
    return Written(f"{folder}/pets-*.csv", rows, says=(_KEPT,))


@layout("TFX, by hand", "spans with a file for each split: span-7/train.csv, span-7/eval.csv")
def spans_by_split(folder: Path, _: Tools) -> Written:
    """The newest span is read, and TFX's name for the second split is test."""
    rows = split_items("val")
    for span, kept in (("span-6", rows[:9]), ("span-7", rows)):
        write_pictures(kept, folder / span / "images")
        for split, of_split in _by_split(kept).items():
            _table(of_split).to_csv(folder / span / f"{ {'test': 'eval'}.get(split, split) }.csv", index=False)
    return Written(f"{folder}/span-{{SPAN}}/*.csv", rows, says=("val taken from train",))


@layout("pandas", "a table with a column of splits: Train, dev, TEST")
def a_column_of_splits(folder: Path, _: Tools) -> Written:
    """Names in any case."""
    rows = split_items()
    write_pictures(rows, folder / "images")
    names = {"train": "Train", "val": "dev", "test": "TEST"}
    _table(rows, subset=lambda row: names[row.split or ""]).to_csv(folder / "pets.csv", index=False)
    return Written(folder / "pets.csv", rows, says=(_KEPT,))


@layout("Kaggle", "a table of all images, which lie in train, valid and test folders")
def a_table_beside_split_folders(folder: Path, _: Tools) -> Written:
    """Paths such as ``train/12.png``, and no column that says the split."""
    rows = split_items()
    names = {"train": "train", "val": "valid", "test": "test"}
    for split, of_split in _by_split(rows).items():
        write_pictures(of_split, folder / names[split])
    table = _table(rows, filepath=lambda row: f"{names[row.split or '']}/{row.picture}.png").drop(columns="image")
    table.to_csv(folder / "pets.csv", index=False)
    return Written(folder / "pets.csv", rows, says=("by the names of its images' folders",))


@layout("Roboflow, by hand", "train, valid and test folders, each with images and a _classes.csv of one-hot columns")
def roboflow_classes(folder: Path, _: Tools) -> Written:
    """Its export of multi-label classification; a space follows each comma."""
    names = ("bird", "cat", "dog", "fox")
    sets = [("cat",), ("cat", "dog"), ("bird",), ("bird", "fox"), ("dog",)]
    rows = [replace(row, labels=sets[row.picture % 5]) for row in without_texts(split_items())]
    for split, of_split in _by_split(rows).items():
        inner = folder / {"val": "valid"}.get(split, split)
        write_pictures(of_split, inner)
        lines = [", ".join(["filename", *names])]
        for row in of_split:
            lines.append(", ".join([f"{row.picture}.png", *(str(int(name in row.labels)) for name in names)]))
        (inner / "_classes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Written(folder, rows, says=("by the names of its files' folders",))


@layout("fastai, by hand", "a table with a column is_valid, for ColSplitter")
def a_column_is_valid(folder: Path, _: Tools) -> Written:
    """Test is not declared; it is taken from train."""
    rows = split_items("test")
    write_pictures(rows, folder / "images")
    table = _table(rows, is_valid=lambda row: str(row.split == "val"))
    table.to_csv(folder / "labels.csv", index=False)
    return Written(folder / "labels.csv", rows, says=("test taken from train",))
