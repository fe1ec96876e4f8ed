"""Spans and versions are found as TFX finds them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.spans import ResolvedSpan, SpanError, path_in_catalogue, resolve_span, static_folder
from diptych.components.catalogue.storage import write_stream

Outcome = tuple[int, int | None, str] | None
Tfx = Callable[[str, str, int | None], Outcome]


@pytest.fixture(scope="module")
def tfx() -> Tfx:
    """The span, version and catalogue that TFX finds for a folder, a pattern in it and a span; None for an error."""
    utils = pytest.importorskip("tfx.components.example_gen.utils", reason="TFX is not installed")
    from tfx.proto import example_gen_pb2, range_config_pb2

    def resolve_by_tfx(folder: str, pattern: str, span: int | None) -> Outcome:
        split: Any = example_gen_pb2.Input.Split(name="all", pattern=pattern)
        only = None
        if span is not None:
            bounds = range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
            only = range_config_pb2.RangeConfig(static_range=bounds)
        try:
            found, version = utils._get_target_span_version(folder, split, only)
        except ValueError:
            return None
        return found or 0, version, os.path.join(folder, split.pattern)

    return resolve_by_tfx


def ours(folder: str, pattern: str, span: int | None = None) -> Outcome:
    try:
        found = resolve_span(os.path.join(folder, pattern), span)
    except SpanError:
        return None
    return found.span, found.version, found.catalogue


def write(folder: Path | str, names: list[str]) -> None:
    for name in names:
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


NUMBERED = ["1/a.csv", "2/a.csv", "10/a.csv", "10/b.csv"]
VERSIONED = ["1/9/a.csv", "2/1/a.csv", "2/3/a.csv", "2/12/a.csv"]
DATED = ["2024-02-29/a.csv", "2023-12-31/a.csv", "1969-12-31/a.csv"]
# File names, pattern and requested span; then the expected span, version and catalogue, or None for an error.
CASES: list[tuple[list[str], str, int | None, Outcome]] = [
    (NUMBERED, "{SPAN}/a.csv", None, (10, None, "10/a.csv")),
    (NUMBERED, "{SPAN}/*.csv", None, (10, None, "10/*.csv")),
    (NUMBERED, "{SPAN}/?.csv", 2, (2, None, "2/?.csv")),
    (NUMBERED, "{SPAN}", None, (10, None, "10")),
    (NUMBERED, "{SPAN:}/a.csv", None, (10, None, "10/a.csv")),
    (NUMBERED, "{SPAN}/a.csv", 3, None),
    (NUMBERED, "{SPAN:1}/a.csv", None, None),
    (NUMBERED, "{SPAN:1}/a.csv", 10, None),
    (NUMBERED, "10/a.csv", None, (0, None, "10/a.csv")),
    (["day007/a", "day010/a", "day009/a"], "day{SPAN}/a", None, (10, None, "day010/a")),
    (["day007/a", "day010/a", "day009/a"], "day{SPAN:3}/a", 7, (7, None, "day007/a")),
    (["day007/a", "day010/a", "day009/a"], "day{SPAN}/a", 7, None),
    (["1-2.csv", "1-10.csv"], "{SPAN}-{VERSION}.csv", None, (1, 10, "1-10.csv")),
    (["0102.csv", "0201.csv"], "{SPAN:2}{VERSION:2}.csv", None, (2, 1, "0201.csv")),
    (["0102.csv", "0201.csv"], "{VERSION:2}{SPAN:2}.csv", None, (2, 1, "0102.csv")),
    (["1-2-3.csv"], "{SPAN}-{VERSION}.csv", None, None),
    (["-5/a", "-7/a"], "{SPAN}/a", None, (-5, None, "-5/a")),
    (["1/a", "old/a"], "{SPAN}/a", None, None),
    (["1/a", "old/b"], "{SPAN}/a", None, (1, None, "1/a")),
    (["a+b(1)/1.csv"], "a+b(1)/{SPAN}.csv", None, (1, None, "a+b(1)/1.csv")),
    (VERSIONED, "{SPAN}/{VERSION}/a.csv", None, (2, 12, "2/12/a.csv")),
    (VERSIONED, "{SPAN}/{VERSION}/a.csv", 1, (1, 9, "1/9/a.csv")),
    (VERSIONED, "{SPAN}/{VERSION:1}/a.csv", None, None),
    (VERSIONED, "{VERSION}/{SPAN}/a.csv", None, (12, 2, "2/12/a.csv")),
    (VERSIONED, "2/{VERSION}/a.csv", None, None),
    (DATED, "{YYYY}-{MM}-{DD}/a.csv", None, (19782, None, "2024-02-29/a.csv")),
    (DATED, "{YYYY}-{MM}-{DD}/a.csv", -1, (-1, None, "1969-12-31/a.csv")),
    (DATED, "{YYYY}-{MM}-{DD}/a.csv", 0, None),
    (["20240131.csv", "20240201.csv"], "{YYYY}{MM}{DD}.csv", None, (19754, None, "20240201.csv")),
    (["31.01.2024-1", "31.01.2024-2"], "{DD}.{MM}.{YYYY}-{VERSION}", None, (19753, 2, "31.01.2024-2")),
    (["2023-02-29/a.csv"], "{YYYY}-{MM}-{DD}/a.csv", None, None),
    (["2023-2-1/a.csv"], "{YYYY}-{MM}-{DD}/a.csv", None, None),
    ([], "{SPAN}/a.csv", None, None),
    ([], "a.csv", None, (0, None, "a.csv")),
    (NUMBERED, "{SPAN}/{SPAN}.csv", None, None),
    (NUMBERED, "{SPAN}/{SPAN:2}.csv", None, None),
    (NUMBERED, "{SPAN}-{YYYY}-{MM}-{DD}", None, None),
    (NUMBERED, "{YYYY}-{MM}", None, None),
    (NUMBERED, "{YYYY}-{MM}-{DD}/{DD}", None, None),
    (NUMBERED, "{SPAN}/{VERSION}/{VERSION}", None, None),
    (NUMBERED, "{SPAN:x}/a.csv", None, None),
    (NUMBERED, "{SPAN:0}/a.csv", None, None),
    (NUMBERED, "{SPAN:-1}/a.csv", None, None),
]


@pytest.fixture(params=CASES, ids=[f"{pattern}@{span}" for _, pattern, span, _ in CASES])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, int | None, Outcome]:
    """Folder, pattern, span, and the outcome with the catalogue in that folder."""
    names, pattern, span, expected = request.param
    write(tmp_path, names)
    if expected is not None:
        expected = (*expected[:2], str(tmp_path / expected[2]))
    return str(tmp_path), pattern, span, expected


def test_the_greatest_span_and_then_version_is_found(case: tuple[str, str, int | None, Outcome]) -> None:
    folder, pattern, span, expected = case
    assert ours(folder, pattern, span) == expected


def test_tfx_finds_the_same(case: tuple[str, str, int | None, Outcome], tfx: Tfx) -> None:
    folder, pattern, span, expected = case
    assert tfx(folder, pattern, span) == expected


PATTERNS = [
    "{SPAN}",
    "day{SPAN}.csv",
    "{SPAN:2}.csv",
    "{SPAN}/*.csv",
    "{SPAN}-{VERSION}",
    "{SPAN:2}{VERSION:2}/?.csv",
    "v{VERSION}/{SPAN}/a.csv",
    "{YYYY}-{MM}-{DD}.csv",
    "{YYYY}{MM}{DD}/a.csv",
    "{YYYY}/{MM}/{DD}/v{VERSION}",
    "{DD}.{MM}.{YYYY}-{VERSION:2}.csv",
]
VALUES = {
    "{SPAN}": ["0", "1", "2", "10", "11", "103"],
    "{SPAN:2}": ["00", "01", "02", "10", "11"],
    "{VERSION}": ["1", "2", "9", "10"],
    "{VERSION:2}": ["01", "02", "10"],
    "{YYYY}": ["1969", "1970", "1999", "2024"],
    "{MM}": ["01", "02", "12"],
    "{DD}": ["01", "02", "28", "31"],
    "*": ["a", "b"],
    "?": ["a"],
}
STRAY = ["x", "", "1-2", "123"]
SPANS = st.none() | st.sampled_from([0, 1, 2, 10, 11, 103, -365, 10_592, 19_783])


@st.composite
def folders(draw: st.DrawFn) -> tuple[list[str], str]:
    """Names of files, and a pattern that most of them match."""
    pattern = "in-" + draw(st.sampled_from(PATTERNS))  # without it, an empty place makes a hidden file

    def value(match: re.Match[str]) -> str:
        stray = draw(st.integers(0, 40)) == 40
        return draw(st.sampled_from(STRAY if stray else VALUES[match[0]]))

    count = draw(st.integers(0, 6))
    return [re.sub(r"\{.*?\}|[*?]", value, pattern) for _ in range(count)], pattern


@settings(max_examples=300, deadline=None)
@given(folders(), SPANS)
def test_tfx_finds_the_same_in_any_folder(tfx: Tfx, drawn: tuple[list[str], str], span: int | None) -> None:
    names, pattern = drawn
    with TemporaryDirectory() as folder:
        for name in names:
            with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):  # one name is part of another
                write(folder, [name])
        assert ours(folder, pattern, span) == tfx(folder, pattern, span)


@pytest.mark.parametrize(
    ("pattern", "span", "message"),
    [
        ("a.csv", 3, r"span 3 is asked for, but 'a.csv' has no \{SPAN\}"),
        ("{SPAN}/{SPAN}", None, r"\{SPAN\} twice"),
        ("{SPAN}/{MM}", None, "keep the number or the date"),
        ("{YYYY}/{MM}", None, "add the others"),
        ("{VERSION}", None, r"add \{SPAN\}"),
        ("{SPAN:two}", None, r"as in \{SPAN:3\}"),
        ("{SPAN:2}", 100, "widen it"),
        ("{YYYY}{MM}{DD}", 10**9, "no date"),
        ("absent/{SPAN}/a.csv", None, r"'absent/\*/a.csv'.*put one there"),
    ],
)
def test_errors_name_key_value_and_remedy(pattern: str, span: int | None, message: str) -> None:
    with pytest.raises(SpanError, match=message) as error:
        resolve_span(pattern, span)
    assert str(error.value).startswith("data.catalogue: ")


def test_a_name_that_is_too_long_at_its_end_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ["123"])
    with pytest.raises(SpanError, match="as many characters"):
        resolve_span(f"{tmp_path}/{{SPAN:2}}")


def test_a_stray_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, ["1/a", "old/a"])
    with pytest.raises(SpanError, match=r"old/a' has 'old' in the place of \{SPAN\}"):
        resolve_span(f"{tmp_path}/{{SPAN}}/a")


def test_relative_patterns_stay_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, ["data/3/a.csv"])
    monkeypatch.chdir(tmp_path)
    assert resolve_span("data/../data/{SPAN}/*.csv") == ResolvedSpan("data/../data/3/*.csv", 3, None)


@pytest.fixture
def store() -> Iterator[str]:
    """The URI of an empty bucket."""
    yield "memory://spans"
    import fsspec

    fsspec.filesystem("memory").store.clear()


def test_spans_of_a_store_are_found(store: str) -> None:
    for name in ("2024-01-31/1/a.csv", "2024-02-01/2/a.csv", "2024-02-01/10/a.csv"):
        with write_stream(f"{store}/{name}"):
            pass
    found = resolve_span(f"{store}/{{YYYY}}-{{MM}}-{{DD}}/{{VERSION}}/*.csv")
    assert found == ResolvedSpan(f"{store}/2024-02-01/10/*.csv", 19754, 10)


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("data/a.csv", "data"),
        ("data/x/*.csv", "data/x"),
        ("data/x-[12]/?/a.csv", "data"),
        ("data/{SPAN}/a-*.csv", "data"),
        ("data/{VERSION:3}", "data"),
        ("data/{YYYY}{MM}{DD}", "data"),
        ("data/{other}/*", "data/{other}"),
        ("a.csv", ""),
        ("*.csv", ""),
        ("/*.csv", "/"),
        ("/data/*.csv", "/data"),
        ("gs://bucket/*", "gs://bucket"),
        ("gs://*/a", "gs://"),
        ("https://host/data/a.csv?day=1", "https://host/data"),
        ("https://host/data/x-*.csv", "https://host/data"),
    ],
)
def test_the_static_folder_ends_before_the_first_pattern(pattern: str, folder: str) -> None:
    assert static_folder(pattern) == folder
    assert pattern.startswith(folder)


def test_the_name_of_a_file_that_exists_is_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "shop[1]"
    folder.mkdir()
    assert static_folder(f"{folder}/rows.csv") == str(tmp_path)
    (folder / "rows.csv").touch()
    assert static_folder(f"{folder}/rows.csv") == str(folder)
    assert path_in_catalogue(f"{folder}/rows.csv", f"{folder}/rows.csv") == "rows.csv"
