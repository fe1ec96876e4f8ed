"""Tables: CSV, TSV, JSON, spreadsheets, Parquet, Arrow, COCO, Label Studio, and metadata of image folders."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.class_names import read_class_names
from diptych.pipeline.convert.legacy_dataset import read_legacy_dataset
from diptych.pipeline.prepare.init import write_settings
from diptych.pipeline.prepare.preview import preview_catalogue
from diptych.pipeline.settings import load_settings
from tests.fuzz.catalogue_reading import Options, read_catalogue, read_file, reader, table, written
from tests.fuzz.target import Target, refusals, split_choice, with_choices
from tests.spreadsheets import write_ods, write_xlsx

_LABEL = {"label": "label", "description": "description", "image": "image", "id": "id", "split": "split"}
_MANY = {"several_labels": True, "paths": {"several": "all", "separator": "|"}, "label_separator": "|"}
_TEXTS: list[Options] = [
    {},
    {"columns": _LABEL},
    {"encoding": "utf-16"},
    {"encoding": "cp1252", "null_values": ["-1", "NULL"]},
    {"encoding": "utf-7"},
    {"encoding": "shift_jis"},
    _MANY,
]
_DIALECTS: list[Options] = [
    *_TEXTS,
    {"table": {"delimiter": ";", "quote": "'", "escape": "\\", "skip_initial_space": True, "comment": "#"}},
    {"table": {"header": False, "skip_lines": 1}, "columns": {"image": "2", "description": "3", "label": "4"}},
    {"table": {"quote": "", "last_field": "rest"}},
    {"table": {"unnamed_field": "first"}},
    {"table": {"unnamed_field": "last"}, "columns": {"label": ["id", "label"]}},
    {"columns": {"image": "{id}-{label}.png", "description": "{description} {label}", "label": "label"}},
]
_JSON_WORDS = [
    b'"image":',
    b'"label":',
    b'"description":',
    b'"bytes":',
    b'"path":',
    b"null",
    b"NaN",
    b"Infinity",
    b"1e999",
]


def _csv(delimiter: str = ",", encoding: str = "utf-8", **settings: Any) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table()[0]), delimiter=delimiter, **settings)
    writer.writeheader()
    writer.writerows(table())
    return text.getvalue().encode(encoding, "replace")


def _csv_files() -> list[bytes]:
    marked = b"sep=;\r\n" + _csv(";")
    lists = b"image,description,label\n\"['a.png', 'b.png']\",x,\"['a', 'b']\"\na.png|b.png,y,a|b\n"
    data = b'image,description,label\n"data:image/png;base64,iVBORw0KGgo=",x,1.0\n'
    encoded = [_csv(encoding=name) for name in ("utf-8-sig", "utf-16", "cp1252", "utf-7", "shift_jis")]
    return [_csv(), _csv("\t"), _csv("'", quotechar="|", lineterminator="\n"), marked, lists, data, *encoded]


def _lines() -> list[bytes]:
    plain = "\n".join(map(json.dumps, table())).encode()
    nested = b'{"image": {"path": "a.png", "bytes": null}, "description": ["x"], "label": [1, 2.5, true]}\n'
    return [plain, plain.decode().encode("utf-16"), nested]


def _documents() -> list[bytes]:
    rows = table()
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    forms: list[Any] = [
        rows,
        {"result": {"items": rows}},
        columns,
        {name: dict(enumerate(values)) for name, values in columns.items()},
        {row["image"]: row for row in rows},
        {"columns": list(columns), "data": [list(row.values()) for row in rows]},
        [list(columns), *(list(row.values()) for row in rows)],
    ]
    return [json.dumps(form).encode() for form in forms] + [b"".join(json.dumps(row).encode() for row in rows)]


def _coco_documents() -> list[bytes]:
    segments = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 8}],
        "annotations": [{"image_id": 1, "segments_info": [{"category_id": 1}], "caption": "x"}, {"image_id": 9}],
        "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}],
    }
    return [written("coco", "captions.json"), json.dumps(segments).encode()]


def _tasks() -> list[bytes]:
    """An export of Label Studio."""
    results = [
        {"from_name": "label", "type": "choices", "value": {"choices": ["cat"]}},
        {"from_name": "description", "type": "textarea", "value": {"text": ["a text"]}},
        {"from_name": "box", "type": "rectanglelabels", "value": {"rectanglelabels": ["dog"], "x": 1.5}},
    ]
    task = {"id": 1, "data": {"image": "/data/upload/1/a.png"}, "annotations": [{"id": 1, "result": results}]}
    twice = {**task, "annotations": [{"result": []}, {"result": results, "was_cancelled": True}]}
    return [json.dumps([task]).encode(), json.dumps([task, twice]).encode()]


def _tables_of_values() -> list[pa.Table]:
    plain = pa.Table.from_pylist(table())
    nested = pa.table(
        {
            "image": [{"bytes": b"\x89PNG", "path": "a.png"}, None],
            "description": pa.array(["x", "y"]).dictionary_encode(),
            "label": pa.array([0, 1], pa.int64()),
        },
    )
    features = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}
    named = nested.replace_schema_metadata({"huggingface": json.dumps(features)})
    return [plain, nested, named]


def parquet_files() -> list[bytes]:
    """Files of plain, nested and named values."""
    files = []
    for values in _tables_of_values():
        buffer = io.BytesIO()
        pq.write_table(values, buffer, row_group_size=3, compression="none", write_statistics=False)
        files.append(buffer.getvalue())
    return files


def arrow_files() -> list[bytes]:
    """Streams, and files for random access, of the same."""
    files = []
    for values in _tables_of_values():
        stream, file, compressed = io.BytesIO(), io.BytesIO(), io.BytesIO()
        with pa.ipc.new_stream(stream, values.schema) as writer:
            writer.write_table(values, max_chunksize=3)
        with pa.ipc.new_file(file, values.schema) as writer:
            writer.write_table(values)
        feather.write_feather(values, compressed, compression="lz4")
        files += [each.getvalue() for each in (stream, file, compressed)]
    return files


def _workbooks() -> list[bytes]:
    rows = table()
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    with TemporaryDirectory() as folder:
        merged = write_xlsx(Path(folder, "a.xlsx"), {"Rows": cells, "Empty": []}, merged=("E2:E4",))
        return [merged.read_bytes()]


def _open_documents() -> list[bytes]:
    rows = [[" ".join(str(value).split()) for value in row.values()] for row in table()]
    with TemporaryDirectory() as folder:
        return [write_ods(Path(folder, "a.ods"), [list(table()[0]), *rows]).read_bytes()]


def _parts(file: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


_PART = b"\n%%\n"


def _unzipped(file: bytes) -> bytes:
    """The parts of a zip archive one after the other, in which changes keep the archive whole."""
    return _PART.join(content for _, content in _parts(file))


def _zipped(whole: bytes, content: bytes) -> bytes:
    """The archive with other contents of its parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for (name, _), part in zip(_parts(whole), content.split(_PART), strict=False):
            archive.writestr(name, part)
    return buffer.getvalue()


_XML_WORDS = [
    b'<c r="A1" t="s"><v>',
    b't="inlineStr"',
    b'<mergeCell ref="A1:B9"/>',
    b"<row r=",
    b"</sheetData>",
    b't="d"',
]
_XML_WORDS += [b"office:value-type=", b"table:number-rows-repeated=", b"table:number-columns-repeated=", b't="e"']


def _settings_of_init(content: bytes) -> None:
    """What ``diptych init`` writes for a table can be loaded, and the table be read by it."""
    choice, content = split_choice(content, 3)
    with TemporaryDirectory() as folder, refusals():
        catalogue, settings = Path(folder, ("rows.csv", "rows.tsv", "rows.json")[choice]), Path(folder, "diptych.yaml")
        catalogue.write_bytes(content)
        preview = preview_catalogue(str(catalogue))
        write_settings(preview, str(catalogue), str(settings))
        try:
            loaded = load_settings(str(settings))
        except Exception as error:
            raise AssertionError(f"init wrote what cannot be loaded: {error}") from error
        read_catalogue(loaded.data.catalogue, loaded.data.model_dump(exclude={"catalogue", "limits"}))


def _legacy_table(content: bytes) -> None:
    choice, content = split_choice(content, 3)
    with TemporaryDirectory() as folder, refusals():
        path = Path(folder, ("rows.csv", "rows.tsv", "rows.json")[choice])
        path.write_bytes(content)
        read_legacy_dataset(str(path))


def _three_kinds() -> Iterable[bytes]:
    return with_choices(3, [*_csv_files(), *_documents()])


_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_FILE = {"image": "file_name"}


def _metadata(content: bytes) -> None:
    """A folder with a metadata file, an image beside it and another file that says what classes mean."""
    choice, content = split_choice(content, len(_METADATA))
    content, _, beside = content.partition(_PART)
    with TemporaryDirectory() as folder:
        Path(folder, _METADATA[choice]).write_bytes(content)
        Path(folder, "0.png").write_bytes(b"\x89PNG")
        Path(folder, "README.md").write_bytes(beside)
        Path(folder, "classes.txt").write_bytes(beside)
        Path(folder, "dataset_info.json").write_bytes(beside)
        read_catalogue(folder, {})
        read_catalogue(folder, {"class_names": "classes.txt"})


def _metadata_files() -> Iterable[bytes]:
    readme = (
        b"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: '*.csv'\n"
        b"dataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
        b"          '0': cat\n---\n"
    )
    features = json.dumps({"features": {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}).encode()
    for choice, name in enumerate(_METADATA):
        kind = f"imagefolder, {name.partition('.')[2]}"
        for beside in (readme, features, b"0 cat\n1 dog\n"):
            yield bytes([choice]) + written(kind, name) + _PART + beside


_NAMES = ("names.txt", "names.yaml", "names.json", "names.csv", "names.pbtxt")


def _class_names(content: bytes) -> None:
    choice, content = split_choice(content, len(_NAMES))
    with TemporaryDirectory() as folder, refusals():
        path = Path(folder, _NAMES[choice])
        path.write_bytes(content)
        assert read_class_names(str(path), DataOptions(catalogue=folder)), "there are no names"


def _name_files() -> Iterable[bytes]:
    files = [b"0 cat\n1 dog", b"names: [cat, dog]", b'{"id2label": {"0": "cat"}}', b"id,name\n0,cat\n1,dog"]
    item = b"item {\n  id: 1\n  name: 'cat'\n}\n"
    return (bytes([choice]) + file for choice, file in enumerate([*files, item]))


def _gzipped(content: bytes) -> None:
    """A table, document or archive that is compressed, or says so."""
    choice, content = split_choice(content, 6)
    name = ("rows.csv.gz", "rows.jsonl.gz", "rows.json.gz")[choice % 3]
    read_file(name, content if choice < 3 else gzip.compress(content, 1, mtime=0), {})


TARGETS = {
    "csv": reader(
        "rows.csv", _csv_files, _DIALECTS, [b'"', b"\r\n", b"sep=;", b"\xef\xbb\xbf", b"data:image/png;base64,"]
    ),
    "tsv": reader("rows.tsv", lambda: [_csv("\t")], _DIALECTS, [b"\t", b"\\t"]),
    "jsonl": reader("rows.jsonl", _lines, _TEXTS, _JSON_WORDS),
    "json": reader("rows.json", _documents, [*_TEXTS, {"table": {"records": "result.items"}}], _JSON_WORDS),
    "label_studio": reader("result.json", _tasks, ({}, _MANY), [*_JSON_WORDS, b'"was_cancelled":', b'"annotations":']),
    "coco": reader("rows.json", _coco_documents, ({"format": "coco"}, {"format": "coco", **_MANY}), _JSON_WORDS),
    "parquet": reader("rows.parquet", parquet_files, ({}, _MANY)),
    "arrow": reader("rows.arrow", arrow_files, ({}, _MANY)),
    "xlsx": reader("rows.xlsx", _workbooks),
    "xlsx_parts": reader(
        "rows.xlsx",
        lambda: map(_unzipped, _workbooks()),
        words=_XML_WORDS,
        make=lambda content: _zipped(_workbooks()[0], content),
    ),
    "ods_parts": reader(
        "rows.ods",
        lambda: map(_unzipped, _open_documents()),
        words=_XML_WORDS,
        make=lambda content: _zipped(_open_documents()[0], content),
    ),
    "gzip": Target(_gzipped, lambda: with_choices(6, [_csv(), *_lines(), gzip.compress(_csv(), mtime=0)])),
    "imagefolder": Target(_metadata, _metadata_files, [_PART, b"file_name", b"file_names", b"*_file_name"]),
    "class_names": Target(
        _class_names, _name_files, [b"!!timestamp ", b"!!bool ", b"names:", b"display_name", b"<<: "]
    ),
    "init": Target(_settings_of_init, _three_kinds, _JSON_WORDS),
    "convert_table": Target(_legacy_table, _three_kinds, _JSON_WORDS),
}
