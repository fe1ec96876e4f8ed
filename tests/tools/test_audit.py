"""What the audit finds in advisories of the OSV format."""

from __future__ import annotations

import datetime
import json
import urllib.error
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version
from pydantic import ValidationError

from tools import audit
from tools.audit import Accepted, Finding, find, is_affected, judge, read_records
from tools.locks import find_locks, pins

TODAY = datetime.date(2026, 6, 1)


def record(name: str = "Some.Package", **fields: Any) -> dict[str, Any]:
    """An advisory on the versions from 1.2 to 2.0, which mends it, and on 0.9, which is listed."""
    events = [{"introduced": "1.2"}, {"fixed": "2.0"}]
    ranges = [{"type": "GIT", "events": [{"introduced": "0"}]}, {"type": "ECOSYSTEM", "events": events}]
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges, "versions": ["0.9", "1.2"]}
    return {"id": "PYSEC-1", "aliases": ["CVE-1", "GHSA-1"], "modified": "2026-05-01", "affected": [affected], **fields}


@pytest.mark.parametrize(
    ("version", "affected"),
    [("0.9", True), ("1.1", False), ("1.2", True), ("1.9.9", True), ("2.0rc1", True), ("2.0", False), ("3", False)],
)
def test_versions_of_a_range_and_listed_ones_are_affected(version: str, affected: bool) -> None:
    assert is_affected(Version(version), record()["affected"][0]) is affected


def test_ranges_may_begin_at_nothing_be_several_and_end_with_the_last_affected() -> None:
    events = [{"introduced": "0"}, {"last_affected": "1.4"}, {"introduced": "2.0"}, {"fixed": "2.1"}]
    ranges = {"ranges": [{"type": "ECOSYSTEM", "events": events}]}
    hit = [text for text in ("0.1", "1.4", "1.4.1", "2.0", "2.0.5", "2.1") if is_affected(Version(text), ranges)]
    assert hit == ["0.1", "1.4", "2.0", "2.0.5"]


def test_two_advisories_on_one_vulnerability_are_one_finding() -> None:
    twin = record(id="GHSA-1", aliases=["CVE-1"])
    found = find({"some-package": ["1.5", "2.0"], "other": ["1.5"]}, [record(), twin])
    assert found == [Finding("some-package", "1.5", ("CVE-1", "GHSA-1", "PYSEC-1"), ("2.0",))]


def test_a_finding_is_accepted_by_any_of_its_ids_until_a_day() -> None:
    (finding,) = find({"some-package": ["1.5"]}, [record()])
    entry = Accepted(id="GHSA-1", reason="Nothing of it is reached.", until=TODAY)
    assert judge(finding, {}, TODAY) == "not accepted"
    assert judge(finding, {"GHSA-1": entry}, TODAY) is None
    assert judge(finding, {"GHSA-1": entry}, TODAY + datetime.timedelta(1)) == "accepted until 2026-06-01 only"


def test_an_accepted_advisory_has_a_reason_and_an_end() -> None:
    for fields in ({"reason": "", "until": TODAY}, {"reason": "Nothing of it is reached."}):
        with pytest.raises(ValidationError):
            Accepted.model_validate({"id": "CVE-1", **fields})


def test_what_the_project_accepts_can_be_read() -> None:
    assert all(entry.id == name for name, entry in audit.read_accepted().items())


def test_advisories_are_read_of_a_folder_or_a_zip_but_for_the_withdrawn(tmp_path: Path) -> None:
    records = [record(), record(id="PYSEC-2", withdrawn="2026-01-01")]
    folder, archive = tmp_path / "vulns" / "some-package", tmp_path / "all.zip"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("no advisory")
    with zipfile.ZipFile(archive, "w") as file:
        for number, advisory in enumerate(records):
            (folder / f"{number}.yaml").write_text(yaml.safe_dump(advisory))
            file.writestr(f"{number}.json", json.dumps(advisory))
    assert list(read_records(tmp_path)) == list(read_records(archive)) == records[:1]


def test_a_vulnerable_pin_fails_the_audit_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, (version, *_) = next(iter(pins(find_locks()[-1].read_text()).items()))
    (tmp_path / "a.json").write_text(json.dumps(record(name, affected=[_affects(name, version)])))
    assert audit.main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("1 advisories, the newest of 2026-05-01\n")
    assert f"  {name} {version}: CVE-1; not mended in any version: not accepted" in shown


def _affects(name: str, version: str) -> dict[str, Any]:
    return {"package": {"name": name, "ecosystem": "PyPI"}, "versions": [version]}


def test_advisories_out_of_reach_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"^Nothing was audited: https://\S+ is out of reach .*ADVISORIES=COPY$"):
        audit.main([])
