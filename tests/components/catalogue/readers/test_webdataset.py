"""WebDataset archives: every sample is a row, read without unpacking the archive."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.components.catalogue.readers.webdataset import WebdatasetReader
from tests.catalogue_kinds import text_file
from tests.components.catalogue.readers.source_reading import cut_source, read_source

Member = tuple[str, bytes]
SAMPLES: list[Member] = [
    (f"{number:03d}.{ending}", content)
    for number in range(5)
    for ending, content in {"jpg": b"image %d" % number, "txt": b"text %d" % number, "cls": b"%d" % number}.items()
]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def archive_of(members: Iterable[Member | tarfile.TarInfo], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar file of names and contents, or of members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def rows_of_bytes(folder: Path, content: bytes, **options: object) -> list[Row]:
    path = folder / "rows.tar"
    path.write_bytes(content)
    return read_source(WebdatasetReader(), path, **options)


def rows_of(folder: Path, *members: Member | tarfile.TarInfo, **options: object) -> list[Row]:
    return rows_of_bytes(folder, archive_of(members), **options)


def test_files_of_one_key_make_a_row(tmp_path: Path) -> None:
    first, *_, last = rows_of(tmp_path, *SAMPLES)
    assert first == Row(1, "000", "000.jpg", "text 0", ("0",), content=b"image 0")
    assert last == Row(5, "004", "004.jpg", "text 4", ("4",), content=b"image 4")


def test_json_gives_any_column_and_wins(tmp_path: Path) -> None:
    fields = {"key": 7, "caption": "of JSON", "class": "dog", "by": "ann", "part": "val", "image": "other.jpg"}
    names = {"id": "key", "description": "caption", "label": "class", "split": "part"}
    members = [
        ("a/x.json", json.dumps(fields).encode()),
        ("a/x.txt", b"text"),
        ("a/x.cls", b"0"),
        ("a/x.png", b"image"),
    ]
    (row,) = rows_of(tmp_path, *members, columns=names, split_by="by")
    assert row == Row(1, "7", "a/x.png", "of JSON", ("dog",), "ann", "val", b"image")


def test_one_hot_columns_stand_in_json_or_in_files_of_their_names(tmp_path: Path) -> None:
    columns = {"label": ["cat", "dog"]}
    members = [
        ("x.jpg", b"1"),
        ("x.json", b'{"cat": 1}'),
        ("y.jpg", b"2"),
        ("y.cat", b"0"),
        ("y.dog", b"1"),
        ("y.txt", b"t"),
    ]
    found = rows_of(tmp_path, *members, columns=columns)
    assert [row.labels for row in found] == [("cat",), ("dog",)]


def test_columns_may_be_named_like_endings(tmp_path: Path) -> None:
    members = [
        ("x.seg.png", b"mask"),
        ("x.jpg", b"image"),
        ("x.en.txt", b"English"),
        ("x.txt", b"other"),
        ("x.kind", b"c"),
    ]
    columns = {"image": "JPG", "description": "en.txt", "label": "kind"}
    (row,) = rows_of(tmp_path, *members, columns=columns)
    assert row == Row(1, "x", "x.jpg", "English", ("c",), content=b"image")


def test_several_images_in_a_sample_are_refused(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path, ("x.jpg", b"1"), ("x.seg.png", b"2"), ("y.webp", b"3"), ("y.txt", b"t"))
    assert first.id == "x"
    assert first.problem is not None and first.problem[0] == "several_images"
    assert first.problem[1].startswith("'x.jpg', 'x.seg.png'; the key ends at the first dot of a name: that of 'x.seg")
    assert second.problem is None


def test_the_first_of_several_images_or_each_of_them_may_count(tmp_path: Path) -> None:
    members = [("x.left.jpg", b"1"), ("x.right.jpg", b"2"), ("x.txt", b"t"), ("x.cls", b"c"), ("y.jpg", b"3")]
    first, _ = rows_of(tmp_path, *members, paths={"several": "first"})
    assert (first.image, first.content, first.further) == ("x.left.jpg", b"1", ())
    first, second = rows_of(tmp_path, *members, paths={"several": "all"})
    assert [(row.id, row.content, row.description, row.labels) for row in (first, *first.further)] == [
        ("x.left.jpg", b"1", "t", ("c",)),
        ("x.right.jpg", b"2", "t", ("c",)),
    ]
    assert (second.id, second.further) == ("y", ())


@pytest.mark.parametrize(
    "members",
    [
        [("v1.2.jpg", b"1"), ("v1.2.txt", b"t"), ("v1.2.cls", b"c")],
        [("a/v1.2.jpg", b"1"), ("a/v1.2.json", b"{}")],
        [("v1.2.jpg", b"1"), ("v1.2.txt", b"t"), ("v1.3.jpg", b"1"), ("v1.3.txt", b"t")],
    ],
)
def test_a_dot_in_a_key_is_named_as_the_cause(tmp_path: Path, members: list[Member]) -> None:
    (row,) = rows_of(tmp_path, *members)
    assert row.problem is not None
    assert f"the key ends at the first dot of a name: that of '{members[0][0]}' is '" in row.problem[1]
    assert "v1', its ending '.2.jpg'" in row.problem[1]


def test_a_dotted_ending_is_no_problem_where_nothing_is_missed(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, ("x.thumb.jpg", b"1"), ("x.txt", b"t"), ("x.cls", b"c"), ("x.thumb.txt", b"u"))
    assert (row.content, row.description, row.problem) == (b"1", "t", None)


def test_sample_without_an_image_is_a_row_with_a_problem(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path, ("x.txt", b"t"), ("LICENSE", b"free"))
    assert [first.id, second.id] == ["x", "LICENSE"]
    assert first.problem is not None and second.problem is not None
    assert first.problem[0] == second.problem[0] == "missing_image"
    assert "'x.txt' has no image next to it" in first.problem[1]


def test_a_part_that_is_there_twice_is_a_problem(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, ("x.jpg", b"1"), ("x.txt", b"t"), ("x.TXT", b"u"))
    assert row.problem == ("malformed_row", "'x.TXT' is there twice")


def test_hidden_files_folders_and_metadata_are_no_rows(tmp_path: Path) -> None:
    others = [special("./a", tarfile.DIRTYPE), ("./a/._x.jpg", b""), ("__key__", b""), ("a/.DS_Store", b"")]
    (row,) = rows_of(tmp_path, *others, ("./a/x.jpg", b"1"), ("./a/.x.txt", b""), ("./a/x.txt", b"t"), *others)
    assert (row.id, row.description, row.content) == ("a/x", "t", b"1")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_not_followed(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    first, second = rows_of(
        tmp_path, special("x.jpg", kind, str(tmp_path / "secret")), ("x.txt", b"t"), ("y.jpg", b"1"), ("y.txt", b"t")
    )
    assert (first.content, first.problem and first.problem[0]) == (None, "unreadable_file")
    assert second.content == b"1"


def test_names_are_names_only_wherever_they_point(tmp_path: Path) -> None:
    found = rows_of(tmp_path, ("/etc/passwd.jpg", b"1"), ("../../x.jpg", b"2"))
    assert [(row.id, row.content, row.problem) for row in found] == [
        ("/etc/passwd", b"1", None),
        ("../../x", b"2", None),
    ]


@pytest.mark.parametrize("name", ["x.jpg", "x.txt", "x.json"])
def test_parts_above_the_limit_are_not_read(tmp_path: Path, name: str) -> None:
    members = {"x.jpg": b"1", "x.txt": b"t", "x.json": b"{}", "x.npy": b"0" * 5000, name: b" " * 2000}
    (row,) = rows_of(tmp_path, *members.items(), limits={"file_mb": 0.001})
    assert (row.id, row.content, row.problem) == ("x", None, ("too_large", f"'{name}' holds 0.0 MB"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.txt", b"\xff", "bad_encoding"),
        ("x.json", b"\xff", "bad_encoding"),
        ("x.json", b"{", "malformed_row"),
        ("x.json", b"[]", "malformed_row"),
        ("x.json", b'{"label": {"a": 1}}', "malformed_row"),
    ],
)
def test_unusable_part_is_the_problem_of_its_row_alone(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    first, second = rows_of(tmp_path, ("x.jpg", b"1"), (name, content), ("y.jpg", b"2"), ("y.txt", b"t"))
    assert (first.id, first.problem and first.problem[0]) == ("x", reason)
    assert second.problem is None


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_form_of_tar_is_read_from_each_chunk(tmp_path: Path, form: int) -> None:
    name = "n" * 90 + "/" + "m" * (90 if form == tarfile.USTAR_FORMAT else 300)
    samples = [(f"{name}{number}.jpg", b"%d" % number) for number in range(5)]
    found = rows_of_bytes(tmp_path, archive_of(samples, form))
    assert [(row.image, row.content) for row in found] == samples


def test_names_that_are_no_utf8_are_shown_with_question_marks(tmp_path: Path) -> None:
    content = archive_of([("caf#.jpg", b"1"), ("caf#.txt", b"\xff")], tarfile.GNU_FORMAT)
    mended = _with_checksums(content.replace(b"caf#", b"caf\xe9"))
    (row,) = rows_of_bytes(tmp_path, mended)
    assert (row.id, row.image) == ("caf?", "caf?.jpg")
    assert row.problem == ("bad_encoding", "'caf?.txt' is not valid utf-8")


def _with_checksums(archive: bytes) -> bytes:
    """The archive with correct checksums in its headers."""
    blocks = bytearray(archive)
    for start in range(0, len(blocks), tarfile.BLOCKSIZE):
        if blocks[start + 257 : start + 262] == b"ustar":
            blocks[start + 148 : start + 156] = b" " * 8
            total = sum(blocks[start : start + tarfile.BLOCKSIZE])
            blocks[start + 148 : start + 156] = b"%06o\0 " % total
    return bytes(blocks)


def test_compressed_archive_is_read_from_its_spool(tmp_path: Path) -> None:
    plain = rows_of(tmp_path, *SAMPLES)
    path = tmp_path / "rows.tar.gz"
    path.write_bytes(gzip.compress(archive_of(SAMPLES)))
    assert read_source(WebdatasetReader(), path) == plain
    assert {chunk.spool for chunk in cut_source(WebdatasetReader(), path)} == {f"{path}.spool"}


def test_chunks_hold_whole_samples(tmp_path: Path) -> None:
    path = tmp_path / "rows.tar"
    path.write_bytes(archive_of(SAMPLES))
    assert [(chunk.first_row, chunk.rows) for chunk in cut_source(WebdatasetReader(), path)] == [
        (1, 2),
        (3, 2),
        (5, 1),
    ]


@pytest.mark.parametrize("tenth", range(1, 10))
def test_truncated_archive_is_refused_whole(tmp_path: Path, tenth: int) -> None:
    whole = archive_of(SAMPLES)
    used = len(SAMPLES) * 2 * tarfile.BLOCKSIZE
    with pytest.raises(CatalogueError, match="is no whole tar archive: .*; write or copy it anew"):
        rows_of_bytes(tmp_path, whole[: used * tenth // 10])
    assert len(rows_of_bytes(tmp_path, whole[: used + tarfile.BLOCKSIZE])) == 5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not found</html>",
        b"\0" * 100,
        gzip.compress(archive_of(SAMPLES))[:-20],
        gzip.compress(b"something"),
        archive_of(SAMPLES) + archive_of(SAMPLES),
        archive_of(SAMPLES[:3])[: 6 * tarfile.BLOCKSIZE] + b"damage" + b"\0" * 5000,
    ],
)
def test_what_is_no_archive_or_more_than_one_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CatalogueError, match="rows.tar"):
        rows_of_bytes(tmp_path, content)


def test_empty_archive_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(tmp_path) == rows_of(tmp_path, special("folder", tarfile.DIRTYPE)) == []


def test_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="there is no file"):
        read_source(WebdatasetReader(), tmp_path / "none.tar")


@pytest.mark.parametrize("size", [b"\x80" + (1 << 62).to_bytes(11, "big"), b"\xff" * 11 + b"\0", b"77777777777\0"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE])
def test_giant_and_negative_sizes_are_neither_read_nor_followed(tmp_path: Path, size: bytes, kind: bytes) -> None:
    blocks = bytearray(archive_of(SAMPLES))
    header = 6 * tarfile.BLOCKSIZE
    blocks[header + 124 : header + 136] = size
    blocks[header + 156 : header + 157] = kind
    with pytest.raises(CatalogueError, match="is no whole tar archive"):
        rows_of_bytes(tmp_path, _with_checksums(bytes(blocks)))


def test_chain_of_extended_headers_is_refused(tmp_path: Path) -> None:
    header = special("x", tarfile.XHDTYPE)
    with pytest.raises(CatalogueError, match="is no whole tar archive"):
        rows_of(tmp_path, *[header] * 3000)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 6 * 1024 - 1), byte=st.integers(0, 255), checksums=st.booleans())
def test_any_damage_gives_rows_or_is_refused(tmp_path: Path, place: int, byte: int, checksums: bool) -> None:
    blocks = bytearray(archive_of(SAMPLES[:6], tarfile.GNU_FORMAT))
    blocks[place] = byte
    damaged = _with_checksums(bytes(blocks)) if checksums else bytes(blocks)
    try:
        found = rows_of_bytes(tmp_path, damaged)
    except CatalogueError:
        return
    for row in found:
        (row.id + row.image + row.description + "".join(row.labels) + "".join(row.problem or ())).encode()
    assert sum(row.problem is None for row in found) <= 2


_KEYS = st.text(st.characters(blacklist_characters="./\0", blacklist_categories=["Cs"]), min_size=1, max_size=20)
_TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=50)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=st.dictionaries(_KEYS, st.tuples(st.binary(max_size=2000), _TEXTS, _TEXTS), min_size=1, max_size=7))
def test_any_keys_and_contents_are_read_as_they_are(tmp_path: Path, samples: dict[str, tuple[bytes, str, str]]) -> None:
    members = [
        (f"{key}.{ending}", content)
        for key, (image, text, label) in samples.items()
        for ending, content in {
            "jpg": image,
            "txt": text_file(text),
            "json": json.dumps({"label": label}).encode(),
        }.items()
    ]
    found = rows_of(tmp_path, *members)
    assert {row.id: (row.content, row.description, "".join(row.labels)) for row in found} == {
        key: (image, text, label.strip()) for key, (image, text, label) in samples.items()
    }
