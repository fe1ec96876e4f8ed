"""Known vulnerabilities of what the lock files pin: ``make audit``.

Advisories are records in the OSV format (https://ossf.github.io/osv-schema): OSV's dump of PyPI, or, where that is out
of reach, a copy of it or of https://github.com/pypa/advisory-database, by ``make audit ADVISORIES=COPY``.
"""

from __future__ import annotations

import datetime
import json
import sys
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, Field, TypeAdapter

from tools.locks import ROOT, find_locks, pins

DUMP = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
ACCEPTED = ROOT / "requirements" / "accepted-advisories.yaml"

Record = Mapping[str, Any]


class Accepted(BaseModel, extra="forbid"):
    """An advisory that the project lives with."""

    id: str
    reason: str = Field(min_length=20)
    until: datetime.date


@dataclass(frozen=True)
class Finding:
    """A pinned package that an advisory names.

    Attributes:
        ids: the advisory's id and its aliases, sorted: a CVE stands first.
        fixed: the versions in which it is mended, as the advisory says.
    """

    package: str
    version: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...]


def read_records(source: Path) -> Iterator[Record]:
    """The advisories of a folder of YAML or JSON files, or of a ZIP of JSON files, that are not withdrawn."""
    if source.is_dir():
        texts = (path.read_bytes() for path in sorted(source.rglob("*.*")) if path.suffix in {".yaml", ".json"})
        records = (yaml.load(text, yaml.CSafeLoader) for text in texts)
    else:
        archive = zipfile.ZipFile(source)
        records = (json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json"))
    return (record for record in records if "affected" in record and not record.get("withdrawn"))


def is_affected(version: Version, affected: Mapping[str, Any]) -> bool:
    """OSV's rule: a version is listed, or the last event at or before it leaves it vulnerable."""
    if any(_version(listed) == version for listed in affected.get("versions", ())):
        return True
    ranges = [part for part in affected.get("ranges", ()) if part["type"] == "ECOSYSTEM"]
    return any(_is_vulnerable(version, part["events"]) for part in ranges)


def _is_vulnerable(version: Version, events: Sequence[Mapping[str, str]]) -> bool:
    vulnerable = False
    pairs = [(_version(at), kind) for event in events for kind, at in event.items() if kind != "limit"]
    for at, kind in sorted(pairs):
        if kind == "last_affected":
            vulnerable = vulnerable and version <= at
        elif version >= at:
            vulnerable = kind == "introduced"
    return vulnerable


def _version(text: str) -> Version:
    try:
        return Version(str(text))
    except InvalidVersion:
        return Version("0")  # PyPI no longer takes such versions, so no lock has one


def find(pinned: Mapping[str, Sequence[str]], records: Sequence[Record]) -> list[Finding]:
    """What the advisories say of the pinned packages; two advisories on one CVE are one finding."""
    found: dict[tuple[str, str, str], Finding] = {}
    for record in records:
        ids = tuple(sorted({record["id"], *record.get("aliases", ())}))
        for affected in record["affected"]:
            name = canonicalize_name(affected.get("package", {}).get("name", ""))
            for version in pinned.get(name, ()):
                if is_affected(Version(version), affected):
                    found.setdefault((name, version, ids[0]), Finding(name, version, ids, _fixes(affected)))
    return sorted(found.values(), key=lambda finding: (finding.package, finding.version, finding.ids))


def _fixes(affected: Mapping[str, Any]) -> tuple[str, ...]:
    ranges = [part for part in affected.get("ranges", ()) if part["type"] == "ECOSYSTEM"]
    return tuple(event["fixed"] for part in ranges for event in part["events"] if "fixed" in event)


def judge(finding: Finding, accepted: Mapping[str, Accepted], today: datetime.date) -> str | None:
    """Why a finding must be acted upon; None if it is accepted."""
    acceptance = next((accepted[name] for name in finding.ids if name in accepted), None)
    if acceptance is None:
        return "not accepted"
    return f"accepted until {acceptance.until} only" if acceptance.until < today else None


def read_accepted() -> dict[str, Accepted]:
    """The accepted advisories by id."""
    entries = TypeAdapter(list[Accepted]).validate_python(yaml.safe_load(ACCEPTED.read_text(encoding="utf-8")) or [])
    return {entry.id: entry for entry in entries}


def download() -> Path:
    """OSV's dump. Exits with a sentence if it is out of reach."""
    target = ROOT / "build" / "advisories.zip"
    target.parent.mkdir(exist_ok=True)
    try:
        with urllib.request.urlopen(DUMP, timeout=60) as answer:
            target.write_bytes(answer.read())
    except OSError as error:
        sys.exit(
            f"Nothing was audited: {DUMP} is out of reach ({error}). Name a copy of it, or of "
            "https://github.com/pypa/advisory-database: make audit ADVISORIES=COPY"
        )
    return target


def main(arguments: Sequence[str]) -> int:
    records = list(read_records(Path(arguments[0]) if arguments else download()))
    newest = max(str(record.get("modified", "")) for record in records)[:10]
    print(f"{len(records):,} advisories, the newest of {newest}")
    accepted, today, unaccepted = read_accepted(), datetime.datetime.now(datetime.timezone.utc).date(), 0
    for path in find_locks():
        findings = find(pins(path.read_text(encoding="utf-8")), records)
        print(f"{path.relative_to(ROOT)}: {len(findings)} findings")
        for finding in findings:
            problem = judge(finding, accepted, today)
            unaccepted += problem is not None
            fixes = f"; mended in {', '.join(finding.fixed)}" if finding.fixed else "; not mended in any version"
            print(f"  {finding.package} {finding.version}: {finding.ids[0]}{fixes}: {problem or 'accepted'}")
    if unaccepted:
        print(f"{unaccepted} findings need a newer version, or a reason in {ACCEPTED.relative_to(ROOT)}")
    return 1 if unaccepted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
