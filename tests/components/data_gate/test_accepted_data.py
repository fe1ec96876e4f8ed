"""What the gate accepted last is read as a whole or passed over."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from diptych.components.data_gate.accepted_data import AcceptedData, read_accepted, save_accepted
from diptych.components.data_gate.profile import dump_profiles, make_profile
from tests.components.data_gate.rows import make_rows, make_statistics, write_accepted
from tests.kills import is_killed
from tests.models.training.conftest import record_progress

PROFILES = {"train": make_profile(make_rows(30, labels=["a", "b", "c"] * 10), 0.5)}
ACCEPTED = AcceptedData(make_statistics("further"), PROFILES)


def test_what_was_accepted_last_is_read(tmp_path: Path) -> None:
    assert read_accepted(str(tmp_path)) == AcceptedData()
    write_accepted(tmp_path / "accepted" / "9", {})
    write_accepted(tmp_path / "accepted" / "10", PROFILES, make_statistics("further"))
    (tmp_path / "accepted" / "notes").mkdir()
    assert read_accepted(str(tmp_path)) == ACCEPTED


def test_the_same_data_are_saved_once(tmp_path: Path) -> None:
    save_accepted(ACCEPTED, AcceptedData(), str(tmp_path))
    last = read_accepted(str(tmp_path))
    assert last == ACCEPTED
    save_accepted(ACCEPTED, last, str(tmp_path))
    assert len(list((tmp_path / "accepted").iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("profiles.json", None),
        ("profiles.json", b""),
        ("profiles.json", dump_profiles(PROFILES)[:-9]),
        ("profiles.json", b"\xff\xfe"),
        ("profiles.json", b'{"train": {"rows": 3}}'),
        ("FeatureStats.pb", None),
        ("FeatureStats.pb", b""),
        ("FeatureStats.pb", make_statistics()[:-3]),
    ],
)
def test_a_part_is_passed_over_and_its_file_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    write_accepted(tmp_path / "accepted" / "9", PROFILES, make_statistics("further"))
    later = tmp_path / "accepted" / "10"
    write_accepted(later, {})
    (later / name).unlink()
    if content is not None:
        (later / name).write_bytes(content)
    with record_progress() as recorder:
        assert read_accepted(str(tmp_path)) == ACCEPTED
    (note,) = recorder.notes
    assert note.startswith(f"'{later}' is passed over, because it is not whole: ")
    assert name in note


def test_a_file_that_may_not_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_accepted(tmp_path / "accepted" / "9", PROFILES)

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied", "profiles.json")

    monkeypatch.setattr("diptych.components.catalogue.transfer.read_whole", refuse)
    with pytest.raises(PermissionError):
        read_accepted(str(tmp_path))


@pytest.mark.promise("A gate that is killed while it keeps what it accepted leaves that, or what it accepted before")
def test_a_gate_that_is_killed_leaves_whole_data(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    for number in count(1):
        directory = tmp_path / str(number)
        write_accepted(directory / "accepted" / "9", {})
        earlier = read_accepted(str(directory))
        killed = is_killed(lambda to=str(directory), last=earlier: save_accepted(ACCEPTED, last, to), number)
        with record_progress() as recorder:
            assert read_accepted(str(directory)) in (earlier, ACCEPTED)
        assert recorder.notes == []
        if not killed:
            break
    assert number > 6
    record_property("figure", f"killed at each of {number - 1} operations on files: whole data were found")


def test_they_are_read_without_tfx_and_tensorflow(tmp_path: Path) -> None:
    write_accepted(tmp_path / "accepted" / "9", PROFILES)
    code = """if True:
        import sys
        from diptych.components.data_gate.accepted_data import read_accepted
        assert read_accepted(sys.argv[1]).profiles
        assert not {"tfx", "tensorflow"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
