"""Files that hold images with their rows: WebDataset archives, TFRecord files and class folders."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.example_proto import Example
from diptych.components.catalogue.readers.tfrecord import TfrecordReader
from diptych.models.tfrecord_framing import frame_record
from tests.fuzz.catalogue_reading import Options, items, read_catalogue, reader, written
from tests.fuzz.target import Target, split_choice, with_choices

_SEVERAL: list[Options] = [{}, {"paths": {"several": "all"}, "several_labels": True}, {"columns": {"id": "id"}}]
_BLOCK = 512
_SUM = slice(148, 156)
_MEMBER = b"\n%%\n"


def _archives() -> list[bytes]:
    shard = written("webdataset", "shard-00000.tar")
    return [shard.rstrip(b"\0") + bytes(2 * _BLOCK), gzip.compress(shard, mtime=0), _pax(tarfile.GNU_FORMAT), _pax()]


def _pax(format: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive with a long name, a link and a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, kind in (("x" * 120 + ".jpg", b"0"), ("b.jpg", b"2"), ("c", b"5")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "a.jpg"
            archive.addfile(member)
    return buffer.getvalue()[: 8 * _BLOCK]


def _with_checksums(content: bytes) -> bytes:
    """The archive with good checksums in all blocks that look like headers: else no change of one would be read."""
    blocks = [bytearray(content[start : start + _BLOCK]) for start in range(0, len(content), _BLOCK)]
    for block in blocks:
        if block[257:262] == b"ustar" and len(block) == _BLOCK:
            block[_SUM] = b" " * 8
            block[_SUM] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


def _members(content: bytes) -> bytes:
    """An archive of members that are given as lines of a name, and a content below each."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for part in content.split(_MEMBER):
            name, _, held = part.partition(b"\n")
            member = tarfile.TarInfo(name.decode(errors="surrogateescape"))
            member.size = len(held)
            archive.addfile(member, io.BytesIO(held))
    return buffer.getvalue()


def _listed_members() -> list[bytes]:
    lines = [
        b"a.png\n" + items()[0].image,
        b"a.txt\ntext",
        b"a.cls\ncat",
        b'a.json\n{"id": 1, "label": "x"}',
        b"a.b.txt\nx",
    ]
    return [_MEMBER.join(lines), _MEMBER.join(lines[:3] + [b"d/b.jpg\nno", b"d/b.JPEG\nno"])]


def _tfrecords() -> list[bytes]:
    file = b"".join(map(frame_record, _examples()))
    return [file, gzip.compress(file, mtime=0)]


def _examples() -> Iterable[bytes]:
    for each in items():
        example = Example()
        feature = example.features.feature
        feature["image"].bytes_list.value.append(each.image)
        feature["description"].bytes_list.value.append(each.description.encode())
        feature["label"].int64_list.value.append(len(each.label))
        feature["score"].float_list.value.extend([0.5, 1.5])
        yield example.SerializeToString()


def _framed(content: bytes) -> bytes:
    """A file of records that are given with their lengths, two bytes each."""
    file, records = io.BytesIO(content), []
    while head := file.read(2):
        records.append(frame_record(file.read(int.from_bytes(head, "little"))))
    return b"".join(records)


def _lengthened() -> list[bytes]:
    return [b"".join(struct.pack("<H", len(each)) + each for each in _examples())]


def _framing(content: bytes) -> None:
    """Every record that is framed is read back; a file that ends within one is refused."""
    records = content.split(b"\n")
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.tfrecord")
        path.write_bytes(b"".join(map(frame_record, records)))
        data = DataOptions(catalogue=str(path), columns={"image": "image"})
        chunks = TfrecordReader().cut(str(path), 0, data, str(path) + ".spool")
        assert sum(chunk.rows for chunk in chunks) == len(records), "a record is lost"


def _class_folder(content: bytes) -> None:
    """A class folder, whose images have texts and fields beside them."""
    choice, content = split_choice(content, 2)
    image, fields, text = (content.split(_MEMBER) + [b"", b""])[:3]
    with TemporaryDirectory() as folder:
        home = Path(folder, "catalogue", "cat")
        home.mkdir(parents=True)
        for ending, held in ((".png", image), (".json", fields), (".txt", text)):
            (home / f"a{ending}").write_bytes(held)
        read_catalogue(str(home.parent), _SEVERAL[choice])


def _class_folders() -> list[bytes]:
    return [
        _MEMBER.join([items()[0].image, b'{"id": 1, "label": "x", "group": 2}', b"a text"]),
        _MEMBER.join([b"", b"{}", b""]),
    ]


TARGETS = {
    "webdataset": reader("rows.tar", _archives, _SEVERAL),
    "webdataset_headers": reader(
        "rows.tar", _archives, _SEVERAL, [b"ustar\0", b"ustar  \0", b"path=", b"size="], _with_checksums
    ),
    "webdataset_members": reader(
        "rows.tar", _listed_members, _SEVERAL, [_MEMBER, b".json\n{", b".cls\n", b"__key__"], _members
    ),
    "tfrecord": reader("rows-train.tfrecord-00000-of-00001", _tfrecords, _SEVERAL),
    "tfrecord_examples": reader("rows.tfrecord", _lengthened, _SEVERAL, make=_framed),
    "tfrecord_framing": Target(_framing, lambda: [b"one\ntwo\n", b""]),
    "folder": Target(_class_folder, lambda: with_choices(2, _class_folders()), [_MEMBER]),
}
