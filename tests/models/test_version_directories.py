"""Version directories: which is the latest, and how another one is added."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.models.version_directories import (
    add_version,
    find_whole_version,
    latest_version,
    list_versions,
    sort_versions,
)
from tests.kills import is_killed

FILES = 8


def fill(folder: str, text: str = "text") -> None:
    """Writes the same text into each of some files."""
    os.mkdir(os.path.join(folder, "deep"))
    for number in range(FILES):
        with open(os.path.join(folder, "deep", str(number)), "w") as file:
            file.write(text)


def texts_in(folder: str | Path) -> set[str]:
    """What is in the files that ``fill`` has written, which are all there."""
    found = {path.name: path.read_text() for path in Path(folder, "deep").iterdir()}
    assert found.keys() == set(map(str, range(FILES)))
    return set(found.values())


def test_the_latest_has_the_greatest_number(tmp_path: Path) -> None:
    assert latest_version(str(tmp_path / "absent")) is None
    assert latest_version(str(tmp_path)) is None
    for name in ("9", "10", "tmp", "10.old", "accepted", "٣٣"):
        (tmp_path / name).mkdir()
    assert latest_version(str(tmp_path)) == str(tmp_path / "10")
    assert list_versions(str(tmp_path)) == [str(tmp_path / "10"), str(tmp_path / "9")]


@given(st.sets(st.integers(0, 10**12)), st.lists(st.text()))
def test_versions_are_sorted_by_their_numbers_whatever_else_is_there(numbers: set[int], others: list[str]) -> None:
    names = [*map(str, numbers), *(name for name in others if not re.fullmatch("[0-9]+", name))]
    assert sort_versions(names) == [str(number) for number in sorted(numbers, reverse=True)]


def test_what_is_not_whole_is_passed_over_and_named() -> None:
    found = find_whole_version(["/p/3", "/p/2", "/p/1"], {"/p/3": "a is missing", "/p/2": None, "/p/1": "b"}.get)
    assert found.folder == "/p/2"
    (sentence,) = found.passed_over
    assert sentence.startswith("'/p/3' is passed over, because it is not whole: a is missing; ")
    none = find_whole_version(["/p/3"], lambda folder: "a is missing")
    assert (none.folder, len(none.passed_over)) == (None, 1)


def test_a_version_is_added_under_the_time_or_a_greater_number(tmp_path: Path) -> None:
    before = int(time.time())
    first = add_version(str(tmp_path / "pushed"), fill)
    assert before <= int(os.path.basename(first)) <= time.time()
    (tmp_path / "pushed" / "9999999999").mkdir()
    second = add_version(str(tmp_path / "pushed"), lambda folder: fill(folder, "second"))
    assert second == str(tmp_path / "pushed" / "10000000000")
    assert (texts_in(first), texts_in(second)) == ({"text"}, {"second"})
    # A server may run as another user.
    umask = os.umask(0)
    os.umask(umask)
    assert os.stat(second).st_mode & 0o777 == 0o777 & ~umask


def test_a_version_that_cannot_be_written_leaves_nothing_and_the_error_names_the_directory(tmp_path: Path) -> None:
    def fail(folder: str) -> None:
        fill(folder)
        raise FileNotFoundError(2, "No such file", os.path.join(folder, "x"))

    with pytest.raises(FileNotFoundError) as caught:
        add_version(str(tmp_path), fail)
    assert caught.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_when_it_is_a_day_old(tmp_path: Path) -> None:
    old, young = (tmp_path / f".{digit * 32}.part" for digit in "ab")
    for folder in (old, young):
        folder.mkdir()
        fill(str(folder))
    os.utime(old, (time.time() - 3e5, time.time() - 3e5))
    add_version(str(tmp_path), fill)
    assert not old.exists()
    assert young.exists()


@pytest.mark.promise("Runs that add versions to one directory at once each add a whole one, under a number of its own")
def test_ten_processes_add_a_version_at_once(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    """They wait for a file, so that they begin together; none imports TensorFlow."""
    code = (
        inspect.getsource(fill)
        + """if True:
        import sys, time
        from diptych.models.version_directories import add_version
        directory, start, own = sys.argv[1:]
        open(own, "w").close()
        while not os.path.exists(start):
            time.sleep(0.001)
        for _ in range(3):
            print(add_version(directory, lambda folder: fill(folder, own)))
        assert "tensorflow" not in sys.modules
    """
    )
    code = f"import os\nFILES = {FILES}\n{code}"
    ready = [tmp_path / f"ready-{number}" for number in range(10)]
    start = tmp_path / "start"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "pushed", start, own], stdout=subprocess.PIPE)
        for own in ready
    ]
    while not all(path.exists() for path in ready):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    start.touch()
    written = [process.communicate()[0].decode().split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    for own, versions in zip(ready, written, strict=True):
        assert [texts_in(version) for version in versions] == [{str(own)}] * 3
    added = {version for versions in written for version in versions}
    assert len(added) == 30
    assert {str(path) for path in (tmp_path / "pushed").iterdir()} == added
    record_property("figure", f"{len(processes)} processes at once added {len(added)} versions, and all are whole")


def test_a_process_that_is_killed_at_any_moment_adds_a_whole_version_or_none(tmp_path: Path) -> None:
    for number in count(1):
        directory = tmp_path / str(number)
        add_version(str(directory), fill)
        killed = is_killed(lambda at=directory: add_version(str(at), lambda folder: fill(folder, "further")), number)
        found = list_versions(str(directory))
        assert [texts_in(version) for version in found] in ([{"text"}], [{"further"}, {"text"}])
        if not killed:
            break
    assert len(found) == 2
    # To write and to sync each file, to make two folders, and to rename.
    assert number > 3 * FILES
