"""Catalogues that are small on the disk and would fill memory or disk when they are read."""

from __future__ import annotations

import gzip
import io
import itertools
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from diptych.models.tfrecord_framing import RECORD_HEADER, masked_crc32c

_BLOCK = 1 << 20
_HEADER = b"image,description,label\n"
_ROW = b"a.png,a thing,thing\n"
_SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)

#: Writes a bomb that unpacks to about so many bytes into a folder, and returns the catalogue.
Writer = Callable[[Path, int], Path]
BOMBS: dict[str, Writer] = {}


def bomb(name: str) -> Callable[[Writer], Writer]:
    """Registers what writes a bomb."""

    def register(writer: Writer) -> Writer:
        BOMBS[name] = writer
        return writer

    return register


def _zipped(path: Path, size: int, block: bytes, head: bytes = b"", tail: bytes = b"") -> Path:
    """A gzip file of a block again and again; its members are compressed once."""
    with open(path, "wb") as file:
        file.write(gzip.compress(head))
        member = gzip.compress(block * max(1, _BLOCK // len(block)))
        for _ in range(size // max(_BLOCK, len(block)) + 1):
            file.write(member)
        file.write(gzip.compress(tail))
    return path


def _counted(path: Path, size: int, pattern: str, head: str = "", tail: str = "") -> Path:
    """A gzip file of a text with a number in it, which grows."""
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write(head)
        lines = (pattern % number for number in itertools.count())
        written = 0
        while written < size:
            written += file.write("".join(itertools.islice(lines, 10_000)))
        file.write(tail)
    return path


@bomb("csv.gz: one endless field")
def csv_field(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.csv.gz", size, b"a" * 64, _HEADER)


@bomb("csv: a sparse file")
def csv_sparse(folder: Path, size: int) -> Path:
    path = folder / "rows.csv"
    with open(path, "wb") as file:
        file.write(_HEADER + _ROW)
        file.truncate(size)
    return path


@bomb("csv.gz: a quote that is never closed")
def csv_quote(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.csv.gz", size, _ROW, _HEADER + b'"')


@bomb("csv.gz: quoted fields over endless lines")
def csv_fields(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.csv.gz", size, b'"\n",', _HEADER)


@bomb("csv.gz: a header of endless names")
def csv_header(folder: Path, size: int) -> Path:
    return _counted(folder / "rows.csv.gz", size, "n%d,", "image,description,label,", "\n")


@bomb("csv.gz: endless rows")
def csv_rows(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.csv.gz", size, _ROW, _HEADER)


@bomb("jsonl.gz: one endless text")
def jsonl_text(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.jsonl.gz", size, b"a" * 64, b'{"image": "')


@bomb("jsonl.gz: lines of tiny values")
def jsonl_values(folder: Path, size: int) -> Path:
    line = b'{"image": "a.png", "description": "a", "label": "b", "x": [' + b"{}," * 5_000_000 + b"{}]}\n"
    return _zipped(folder / "rows.jsonl.gz", size, line)


@bomb("jsonl.gz: lines of 15 MB")
def jsonl_lines(folder: Path, size: int) -> Path:
    line = b'{"image": "a.png", "label": "b", "description": "' + b"a" * 15_000_000 + b'"}\n'
    return _zipped(folder / "rows.jsonl.gz", size, line)


@bomb("jsonl: deep nesting")
def jsonl_depth(folder: Path, size: int) -> Path:
    path = folder / "rows.jsonl"
    depth = min(size, 50_000_000) // 2
    path.write_bytes(
        b'{"image": "a.png", "description": "a", "label": "b", "x": ' + b"[" * depth + b"]" * depth + b"}\n"
    )
    return path


@bomb("json.gz: deep nesting")
def json_depth(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.json.gz", size, b'{"a":')


@bomb("json.gz: one endless text")
def json_text(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.json.gz", size, b"a" * 64, b'[{"image": "')


@bomb("json.gz: one row of tiny values")
def json_values(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.json.gz", size, b"[[[]]],", b'[{"image": "a.png", "x": [')


@bomb("json.gz: endless columns")
def json_columns(folder: Path, size: int) -> Path:
    return _counted(folder / "rows.json.gz", size, '"n%d": ["a"], ', '{"image": ["a.png"], ', '"label": ["b"]}')


@bomb("json.gz: endless keys")
def json_keys(folder: Path, size: int) -> Path:
    return _counted(folder / "rows.json.gz", size, '"n%d": 0, ', '{"images": [], ', '"annotations": []}')


@bomb("json.gz: COCO, endless annotations of one image")
def coco_annotations(folder: Path, size: int) -> Path:
    one = b'{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}, '
    head = b'{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "b"}], "annotations": ['
    return _zipped(folder / "rows.json.gz", size, one, head, one[:-2] + b"]}")


@bomb("json.gz: COCO, endless images")
def coco_images(folder: Path, size: int) -> Path:
    head = '{"annotations": [], "categories": [{"id": 1, "name": "b"}], "images": ['
    return _counted(folder / "rows.json.gz", size, '{"id": %d, "file_name": "a.png"}, ', head, '{"id": "a"}]}')


@bomb("json.gz: COCO, endless categories")
def coco_categories(folder: Path, size: int) -> Path:
    head = '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": ['
    return _counted(folder / "rows.json.gz", size, '{"id": %d, "name": "b"}, ', head, '{"id": "a"}]}')


def _tar_header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.USTAR_FORMAT)


@bomb("tar.gz: one endless file")
def tar_member(folder: Path, size: int) -> Path:
    # A size beyond 8 GB has GNU's binary form.
    info = tarfile.TarInfo("a.png")
    info.size = size
    return _zipped(folder / "rows.tar.gz", size, bytes(_BLOCK), info.tobuf(tarfile.GNU_FORMAT))


@bomb("tar.gz: endless files of one row")
def tar_row(folder: Path, size: int) -> Path:
    return _zipped(folder / "rows.tar.gz", size, _tar_header("a.png"))


@bomb("tar.gz: an endless map of a sparse file")
def tar_sparse(folder: Path, size: int) -> Path:
    head = bytearray(_tar_header("a.png", 0, tarfile.GNUTYPE_SPARSE))
    head[386:410] = b"00000000001\x0000000000001\x00"
    head[482] = 1
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:]))
    return _zipped(folder / "rows.tar.gz", size, b"00000000001\x00" * 42 + b"\x01" + bytes(7), bytes(head))


@bomb("tfrecord: a record of 2^60 bytes")
def tfrecord_length(folder: Path, size: int) -> Path:
    path = folder / "rows.tfrecord"
    length = struct.pack("<Q", 1 << 60)
    path.write_bytes(length + struct.pack("<I", masked_crc32c(length)))
    return path


def _message(field: int, content: bytes) -> bytes:
    def varint(value: int) -> bytes:
        return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])

    return bytes([field << 3 | 2]) + varint(len(content)) + content


def _framed(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    head = RECORD_HEADER.pack(len(content), masked_crc32c(length))
    return head + content + struct.pack("<I", masked_crc32c(content))


@bomb("tfrecord.gz: records of 60 MB of tiny numbers")
def tfrecord_numbers(folder: Path, size: int) -> Path:
    feature = _message(3, _message(1, bytes([1]) * 60_000_000))
    record = _message(1, _message(1, _message(1, b"image") + _message(2, feature)))
    return _zipped(folder / "rows.tfrecord.gz", size, _framed(record))


@bomb("tfrecord.gz: records of 60 MB")
def tfrecord_images(folder: Path, size: int) -> Path:
    feature = _message(1, _message(1, bytes(60_000_000)))
    record = _message(1, _message(1, _message(1, b"image") + _message(2, feature)))
    return _zipped(folder / "rows.tfrecord.gz", size, _framed(record))


def _workbook(path: Path, sheet: Iterator[bytes]) -> Path:
    main = "http://schemas.openxmlformats.org/"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{main}package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{main}package/2006/relationships"><Relationship Id="r" '
        f'Type="{main}officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}spreadsheetml/2006/main" '
        f'xmlns:r="{main}officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="r"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{main}package/2006/relationships"><Relationship Id="r" '
        f'Type="{main}officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for block in sheet:
                part.write(block)
    return path


@bomb("xlsx: endless cells")
def xlsx_cells(folder: Path, size: int) -> Path:
    start, end = _SHEET.encode().split(b"{}")
    # Some of the sheet takes more memory than all of it has bytes.
    size, row = min(size, 200_000_000), b'<row><c t="n"><v>1</v></c></row>' * 10_000
    blocks = itertools.repeat(row, size // len(row) + 1)
    return _workbook(folder / "rows.xlsx", itertools.chain([start], blocks, [end]))


@bomb("xlsx: a cell in the last row and column")
def xlsx_corner(folder: Path, size: int) -> Path:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return _workbook(folder / "rows.xlsx", iter([_SHEET.format(cells).encode()]))


@bomb("parquet: a large value in a dictionary")
def parquet_dictionary(folder: Path, size: int) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "rows.parquet"
    value = min(size // 16, 60_000_000)
    image = pa.DictionaryArray.from_arrays(pa.array([0] * (size // value), pa.int32()), pa.array([bytes(value)]))
    texts = pa.array(["a"] * len(image))
    table = pa.table({"image": image, "description": texts, "label": texts})
    pq.write_table(table, path, compression="gzip")
    return path


@bomb("parquet: one large page")
def parquet_page(folder: Path, size: int) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "rows.parquet"
    size = min(size, 1_900_000_000)
    image = pa.array([bytes(size // 100)] * 100, pa.binary())
    texts = pa.array(["a"] * 100)
    table = pa.table({"image": image, "description": texts, "label": texts})
    pq.write_table(table, path, compression="gzip", use_dictionary=False, data_page_size=1 << 31)
    return path


@bomb("parquet: a sparse footer")
def parquet_footer(folder: Path, size: int) -> Path:
    path = folder / "rows.parquet"
    size = min(size, 2_000_000_000)
    with open(path, "wb") as file:
        file.write(b"PAR1")
        file.truncate(size + 12)
        file.seek(0, io.SEEK_END)
        file.write(struct.pack("<I", size) + b"PAR1")
    return path


@bomb("arrow: a batch that is compressed")
def arrow_batch(folder: Path, size: int) -> Path:
    import pyarrow as pa

    path = folder / "rows.arrow"
    texts = pa.array(["a"] * 100)
    image = pa.array([bytes(min(size, 1_900_000_000) // 100)] * 100, pa.binary())
    table = pa.table({"image": image, "description": texts, "label": texts})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema, options=options) as writer:
        writer.write_table(table)
    return path


@bomb("arrow: a sparse batch")
def arrow_sparse(folder: Path, size: int) -> Path:
    import pyarrow as pa

    path = folder / "rows.arrow"
    texts = pa.array(["a"])
    image = pa.array([bytes(min(size, 1_900_000_000))], pa.binary())
    table = pa.table({"image": image, "description": texts, "label": texts})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content = memoryview(sink.getvalue())
    with open(path, "wb") as file:
        # The image's zeros are a hole.
        file.write(content[:4096].tobytes())
        file.seek(len(content) - 4096)
        file.write(content[-4096:].tobytes())
    return path


def _beside(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    (folder / "rows.jsonl").write_text('{"image": "a.png", "description": "a", "label": 0}\n' * 3)
    return folder / "rows.jsonl"


@bomb("README.md: names that name each other")
def yaml_laughs(folder: Path, size: int) -> Path:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, len(str(size)))]
    names = f"*a{len(lines) - 1}"
    features = f"dataset_info: {{features: [{{name: label, dtype: {{class_label: {{names: {names}}}}}}}]}}"
    rows = folder / "rows.parquet"
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "README.md").write_text("\n".join(["---", *lines, features, "---", ""]))
    pq.write_table(pa.table({"image": ["a.png"], "description": ["a"], "label": [0]}), rows)
    return rows


@bomb("classes.yaml: deep nesting")
def yaml_depth(folder: Path, size: int) -> Path:
    return _beside(folder, "classes.yaml", "names: " + "[" * min(size, 1_000_000))


@bomb("classes.yaml: endless names")
def yaml_names(folder: Path, size: int) -> Path:
    return _beside(folder, "classes.yaml", "names:\n" + "- a\n" * (min(size, 60_000_000) // 4))


@bomb("dataset_infos.json: tiny values")
def json_infos(folder: Path, size: int) -> Path:
    rows = yaml_laughs(folder, 1)
    (folder / "README.md").unlink()
    (folder / "dataset_info.json").write_text(
        '{"features": {"label": [' + "{}," * (min(size, 60_000_000) // 3) + "0]}}"
    )
    return rows
