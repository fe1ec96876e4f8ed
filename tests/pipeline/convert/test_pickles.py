"""Plain data comes back from pickles as it went in, and nothing else is built or called."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import random
import struct
import time
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from diptych.pipeline.convert import isolation
from diptych.pipeline.convert.conversion import convert
from diptych.pipeline.convert.errors import ConversionError
from diptych.pipeline.convert.isolation import Limits, call_isolated
from diptych.pipeline.convert.pickles import load_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.binary().map(bytearray)
)
keys = st.text() | st.binary() | st.booleans() | st.none() | st.integers(-(2**63), 2**63 - 1)
plain_data = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.dictionaries(keys, inner).map(OrderedDict)
        | st.sets(keys)
        | st.frozensets(keys)
    ),
)
dtypes = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="=")
    | npst.unsigned_integer_dtypes(endianness="=")
    | npst.floating_dtypes(endianness="=")
    | npst.complex_number_dtypes(endianness="=")
    | npst.unicode_string_dtypes(endianness="=", min_len=1, max_len=5)
    | npst.byte_string_dtypes(min_len=1, max_len=5)
)


def read(content: bytes) -> Any:
    return load_pickle(io.BytesIO(content))


def copied(value: object, protocol: int) -> Any:
    return read(pickle.dumps(value, protocol))


class Calls:
    """Pickles as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class Plain:
    """What a project's own class would be."""


@settings(max_examples=150, deadline=None)
@given(plain_data, st.sampled_from(PROTOCOLS))
def test_plain_data_comes_back_at_each_protocol(value: object, protocol: int) -> None:
    back = copied(value, protocol)
    assert back == value
    assert type(back) is type(value)


@settings(max_examples=150, deadline=None)
@given(npst.arrays(dtypes, npst.array_shapes(min_dims=0, max_dims=4)), st.booleans(), st.sampled_from(PROTOCOLS))
def test_arrays_come_back_at_each_protocol(array: np.ndarray, transposed: bool, protocol: int) -> None:
    array = array.T if transposed else array
    back = copied([array, array[(0,) * array.ndim]], protocol)
    np.testing.assert_array_equal(back[0], array)
    assert back[0].dtype == array.dtype
    assert type(back[1]) is type(array[(0,) * array.ndim])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.array(["text", None, 3, b"\xff", 1.5], object),
        np.zeros((0, 4, 4, 3), np.uint8),
        np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
        np.arange(10)[::2],
        np.arange(6, dtype=">u2"),
        np.array(["é", "日本"], ">U2"),
    ],
    ids=["objects", "empty", "transposed", "strided", "big-endian", "big-endian text"],
)
def test_unusual_arrays_come_back(array: np.ndarray, protocol: int) -> None:
    np.testing.assert_array_equal(copied(array, protocol), array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_unlike_images_come_back(protocol: int) -> None:
    images = np.empty(2, object)
    images[:] = [np.ones((2, 3), np.uint8), np.zeros((4, 5), np.uint8)]
    back = copied(images, protocol)
    assert [image.shape for image in back] == [(2, 3), (4, 5)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_default_dictionary_becomes_a_dictionary(protocol: int) -> None:
    back = copied(defaultdict(list, {"image": ["a.png"]}), protocol)
    assert (type(back), back) == (dict, {"image": ["a.png"]})


@pytest.mark.parametrize(("written", "other"), [(b"numpy.core", b"numpy._core"), (b"numpy._core", b"numpy.core")])
@pytest.mark.parametrize("protocol", [0, 2])
def test_both_generations_of_numpy_are_read(written: bytes, other: bytes, protocol: int) -> None:
    value = [np.arange(3), np.float32(1.5)]
    content = pickle.dumps(value, protocol).replace(written, other)
    assert b"numpy" in content
    back = read(content)
    np.testing.assert_array_equal(back[0], value[0])
    assert back[1] == value[1]


@pytest.mark.parametrize(
    ("content", "value"),
    [
        # {'label': 'caf\xc3\xa9', 'image': '\xff\xd8', u'n': 1L}, by Python 2.7
        (
            b"(dp0\nS'label'\np1\nS'caf\\xc3\\xa9'\np2\nsS'image'\np3\nS'\\xff\\xd8'\np4\nsVn\np5\nL1L\ns.",
            {"label": "café", "image": b"\xff\xd8", "n": 1},
        ),
        (
            b"\x80\x02}q\x00(U\x05labelq\x01U\x05caf\xc3\xa9q\x02U\x05imageq\x03U\x02\xff\xd8q\x04u.",
            {"label": "café", "image": b"\xff\xd8"},
        ),
        # OrderedDict([('a', 1)]) and set([1]), by Python 2.7
        (b"\x80\x02ccollections\nOrderedDict\nq\x00]q\x01]q\x02(U\x01aq\x03K\x01ea\x85q\x04Rq\x05.", {"a": 1}),
        (b"\x80\x02c__builtin__\nset\nq\x00]q\x01K\x01a\x85q\x02Rq\x03.", {1}),
        # numpy.array([1, 200], 'uint8'), by Python 2.7
        (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
            b"(K\x01K\x02\x85cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xff"
            b"J\xff\xff\xff\xffK\x00tb\x89U\x02\x01\xc8tb.",
            np.array([1, 200], np.uint8),
        ),
    ],
    ids=["text protocol", "binary protocol", "ordered", "set", "array"],
)
def test_python_2_is_read(content: bytes, value: Any) -> None:
    np.testing.assert_equal(read(content), value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Calls(os.system, "touch here"), f"{os.name}.system"),
        (Calls(eval, "open('here', 'w')"), "eval"),
        (Calls(getattr, "", "join"), "getattr"),
        (np.array([Calls(os.system, "touch here")], object), f"{os.name}.system"),
        ([{"image": Path("a.png")}], "pathlib"),
        ([Plain()], "Plain"),
        (Plain, "Plain"),
        (print, "print"),
        (np.ma.array([1]), "numpy.ma.core._mareconstruct"),
        (np.matrix([[1]]), "numpy.matrix"),
        (np.random.RandomState, "RandomState"),
        (np.array([(1, 2)], [("a", "i4"), ("b", "i4")]), "the type 'V8'"),
        (np.array(["2020-01-01"], "datetime64[D]"), "the type 'M8'"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_more_than_plain_data_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, named: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConversionError) as raised:
        copied(value, protocol)
    assert named in str(raised.value)
    assert not os.listdir(tmp_path)


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
NDARRAY = b"cnumpy\nndarray\n"
BLANK = RECONSTRUCT + b"(" + NDARRAY + b"(I0\ntS'b'\ntR"


def dtype_of(code: str, state: bytes = b"") -> bytes:
    return f"(cnumpy\ndtype\n(S'{code}'\nI0\nI1\ntR".encode()[1:] + state


def filled(shape: bytes, dtype: bytes, data: bytes) -> bytes:
    return BLANK + b"(I1\n(" + shape + b"t" + dtype + b"I00\n" + data + b"tb."


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"c__builtin__\nset\n(Vabc\ntR.", {"a", "b", "c"}),
        (b"}()K\x02u.", {(): 2}),
        (b"}\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01K\x02s.", {2**64: 2}),
        (filled(b"I1\n", dtype_of("u1", b"(I3\nS'|'\nNNNI99\nI1\nI0\ntb"), b"S'a'\n"), [97]),
        (filled(b"I1\n", dtype_of("u1", b"(I3\nS'|'\nN(S'a'\nt(dI1\nI1\nI0\ntb"), b"S'a'\n"), [97]),
    ],
)
def test_what_is_allowed_does_no_harm_whatever_it_is_given(content: bytes, value: Any) -> None:
    np.testing.assert_equal(read(content), value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (filled(b"I1000000000000\n", dtype_of("u1"), b"S'a'\n"), "shape"),
        (filled(b"I1000000000000\nI0\n", dtype_of("u1"), b"S''\n"), "shape"),
        (filled(b"I-1\n", dtype_of("u1"), b"S'a'\n"), "shape"),
        (filled(b"I2\n", dtype_of("O"), b"(lNa"), "shape"),
        (filled(b"I1\n", dtype_of("O"), b"S'a'\n"), "data is a bytes"),
        (filled(b"I1\n", dtype_of("u1"), b"(lNa"), "data is a list"),
        (filled(b"I1000000000000\n", dtype_of("S0"), b"S''\n"), "shape"),
        (filled(b"I1\n", dtype_of("i4,O"), b"S'aaaaaaaa'\n"), "the type 'i4,O'"),
        (filled(b"I1\n", dtype_of("U1"), b"S'aaaa'\n"), "characters that do not exist"),
        (filled(b"I1\n", dtype_of("V8", b"(I3\nS'|'\nNNNI99\nI1\nI0\ntb"), b"S''\n"), "the type 'V8'"),
        (filled(b"I1\n", dtype_of("u1", b"(I3\nS'x'\nNNNI99\nI1\nI0\ntb"), b"S'a'\n"), "no whole pickle"),
        (filled(b"I1\n", NDARRAY, b"S'a'\n"), "data is a bytes"),
        (BLANK + b"}b.", "no whole pickle"),
        (RECONSTRUCT + b"(" + NDARRAY + b"(I9999999999\ntS'b'\ntR.", "special kind"),
        (RECONSTRUCT + b"(c__builtin__\nlist\n(I0\ntS'b'\ntR.", "special kind"),
        (RECONSTRUCT + b"(cnumpy\nmatrix\n(I0\ntS'b'\ntR.", "numpy.matrix"),
        (b"cnumpy.core.multiarray\nscalar\n(" + dtype_of("O") + b"NtR.", "data is a NoneType"),
        (b"cnumpy.core.multiarray\nscalar\n(" + dtype_of("f8") + b"S'a'\ntR.", "shape"),
        (b"cnumpy\nfrombuffer\n(S'a'\ntR.", "numpy.frombuffer"),
        (b"cnumpy.core\nmultiarray.os.system\n.", "multiarray.os.system"),
        (b"c__builtin__\nbytearray\n(I9999999999\ntR.", "bytes"),
        (b"c__builtin__\nbytes\n(I9999999999\ntR.", "bytes"),
        (b"c_codecs\nencode\n(S'a'\nS'zip'\ntR.", "bytes"),
        (b"(I1\nI2\ni__main__\nThing\n.", "__main__.Thing"),
        (b"(c__builtin__\nlist\no.", "not callable"),
        (b"\x80\x02c__builtin__\nlist\n)\x81.", "no whole pickle"),
        (b"\x80\x04c__builtin__\nlist\n)}\x92.", "no whole pickle"),
        (b"Pid\n.", "outside the file"),
        (b"NQ.", "outside the file"),
        (b"\x80\x05\x97.", "out-of-band data"),
        (b"\x80\x02\x82M.", "unregistered extension code 77"),
        (b"\x80\x02}K\x00(tb.", "no whole pickle"),
        (b"]}b.", "no whole pickle"),
        (b"](K\x01(tK\x02d.", "no whole pickle"),
        (b"\x80\x04\x8f((lK\x01\x90.", "unhashable"),
        (b"NN)R.", "not callable"),
        (b"K\x05K\x06a.", "no whole pickle"),
        (b"]K\x00K\x01s.", "no whole pickle"),
    ],
)
def test_hostile_files_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        read(content)


def test_the_extension_registry_is_refused() -> None:
    copyreg.add_extension(os.name, "system", 77)
    try:
        content = pickle.dumps(os.system, 2)
        assert content == b"\x80\x02\x82M."
        with pytest.raises(ConversionError, match=f"{os.name}.system"):
            read(content)
    finally:
        copyreg.remove_extension(os.name, "system", 77)


SMALL_LIMITS = Limits(memory=1 << 30, seconds=3)
HELPERS = "tests.pipeline.convert.isolated_functions"


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "limits_for", lambda _: SMALL_LIMITS)


def check_reading_ends(content: bytes, folder: Path, message: str) -> None:
    """Reading alone, in a process with limits, is refused with the message."""
    path = folder / "old.pkl"
    path.write_bytes(content)
    with pytest.raises(ConversionError, match=message):
        call_isolated(f"{HELPERS}.load", [str(path)], str(path))


def check_converting_ends(content: bytes, folder: Path, message: str) -> None:
    """Converting ends in a sentence, and leaves nothing but the pickle."""
    (folder / "old.pkl").write_bytes(content)
    with pytest.raises(ConversionError, match=message) as raised:
        convert(str(folder / "old.pkl"), str(folder / "new.parquet"), {})
    assert "old.pkl" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert os.listdir(folder) == ["old.pkl"]


SHARED = b"K\x01" + b"2\x86" * 40


def short_texts(*texts: str) -> bytes:
    return b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in texts)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SHARED + b".", "within"),
        (b"}" + SHARED + b"K\x01s.", "within 3 s of processor time"),
        (b"})" + b"\x85" * 10**6 + b"K\x01s.", "RecursionError|SIGSEGV"),
    ],
    ids=["texts of Python 2", "a key", "a deep key"],
)
def test_shared_values_that_grow_without_bound_end_within_the_limits(
    tmp_path: Path, content: bytes, message: str
) -> None:
    check_reading_ends(content, tmp_path, message)


@pytest.mark.usefixtures("small_limits")
def test_a_cell_that_grows_without_bound_ends_within_the_limits(tmp_path: Path) -> None:
    row = short_texts("image", "a.png", "label", "c", "description", "two words", "more") + SHARED
    check_converting_ends(b"\x80\x04](}(" + row + b"ue.", tmp_path, "within")


def test_entries_that_are_no_rows_are_refused(tmp_path: Path) -> None:
    check_converting_ends(b"\x80\x04" + SHARED + b".", tmp_path, "no column of .* looks like image")
    assert copied(["x" * 1000] * 100, 2) == ["x" * 1000] * 100


def test_sets_of_the_same_members_are_bounded(tmp_path: Path) -> None:
    members = b"](" + b"K\x01" * 10**4 + b"eq\x00"
    copies = b"c__builtin__\nset\nq\x01]q\x02(" + b"h\x01h\x00\x85R" * 10**3
    check_converting_ends(members + copies + b"e.", tmp_path, "no column of .* looks like image")


@pytest.mark.parametrize("protocol", [b"", b"\x80\x04"], ids=["Python 2", "Python 3"])
@pytest.mark.parametrize("opening", [b"]", b"}K\x00", b"("], ids=["lists", "dicts", "marks"])
def test_depth_is_refused(tmp_path: Path, opening: bytes, protocol: bytes) -> None:
    closing = {b"]": b"a", b"}K\x00": b"s", b"(": b"t"}[opening]
    content = protocol + opening * 10**5 + b"N" + closing * 10**5 + b"."
    check_converting_ends(content, tmp_path, "RecursionError|SIGSEGV|no column of|holds no row")


@pytest.mark.parametrize("protocol", [b"", b"\x80\x04"], ids=["Python 2", "Python 3"])
def test_arrays_of_arrays_of_arrays_are_bounded(tmp_path: Path, protocol: bytes) -> None:
    """numpy frees them by recursion, which ends the process."""
    content = (
        protocol
        + RECONSTRUCT
        + b"q\x00"
        + NDARRAY
        + b"q\x01"
        + dtype_of("O")
        + b"q\x02N"
        + b"q\x03h\x00(h\x01(K\x00tS'b'\ntR(K\x01(K\x01th\x02I00\n]h\x03atb" * 50_000
        + b"."
    )
    check_converting_ends(content, tmp_path, "RecursionError|SIGSEGV|no column of")


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_list_in_itself_is_refused(tmp_path: Path, protocol: int) -> None:
    loop: list[Any] = []
    loop.append({"again": loop})
    check_converting_ends(pickle.dumps(loop, protocol), tmp_path, "RecursionError|no column of")


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"a.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a.",
        b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"a.",
        b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
        b"\x80\x02Nr\xff\xff\xff\xff0.",
        b"X\xff\xff\xff\x7fa.",
    ],
    ids=["bytearray", "bytes", "text", "frame", "integer", "memo", "short text"],
)
def test_claimed_lengths_end_within_the_limits(tmp_path: Path, content: bytes) -> None:
    check_reading_ends(content, tmp_path, "no whole pickle|within 1,074 MB of memory")


def test_what_follows_the_first_object_is_not_lost_in_silence() -> None:
    with pytest.raises(ConversionError, match="5 bytes after its first object"):
        read(pickle.dumps(["a.png"], 2) + b"\x80\x02]q.")


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x80\x63.", b"no pickle\n", b"\x80\x04.", b"\x00" * 99])
def test_what_is_no_pickle_is_told(content: bytes) -> None:
    with pytest.raises(ConversionError, match="no whole pickle"):
        read(content)


def ends_of(contents: list[bytes], folder: Path) -> Counter[str]:
    """How often reading ended in which way; each pickle is read in a process of its own, within the limits."""
    paths = [str(folder / f"{number}.pkl") for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        Path(path).write_bytes(content)
    return Counter(call_isolated(f"{HELPERS}.load_each", [paths], paths[0]))


@pytest.mark.usefixtures("small_limits")
def test_random_bytes_raise_the_declared_error_only(tmp_path: Path) -> None:
    generator = random.Random(1)
    contents = [generator.randbytes(generator.randrange(60)) + b"\xff" for _ in range(300)]
    assert set(ends_of(contents, tmp_path)) <= {"refused", "memory"}


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_broken_pickles_raise_the_declared_error_only(tmp_path: Path, protocol: int) -> None:
    generator = random.Random(protocol)
    value = [{"image": np.ones((2, 2), np.uint8), "label": "ä"}, np.array(["a", None], object), {1, 2}, np.float32(1)]
    contents = []
    for _ in range(200):
        content = bytearray(pickle.dumps(value, protocol))
        for _ in range(generator.randint(1, 3)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        contents.append(bytes(content))
    ends = ends_of(contents, tmp_path)
    assert set(ends) <= {"value", "refused", "memory"}
    assert ends["value"]
    assert ends["refused"]


def test_reading_takes_time_in_proportion() -> None:
    """Ten thousand rows, in microseconds rather than milliseconds each."""
    rows = [{"image": f"{n}.png", "description": f"text {n}", "label": n % 10} for n in range(10_000)]
    content = pickle.dumps(rows)
    start = time.process_time()
    assert read(content) == rows
    assert time.process_time() - start < 5
