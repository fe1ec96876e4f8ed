"""The report is made of the artifacts that there are, and says why the others are missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from diptych.components.report.data_collection import ARTIFACT_NAMES, ReportSources, collect_report_data
from diptych.components.report.page import render_report
from diptych.models import features
from diptych.models.features import SPLITS
from tests.components.report.report_fixtures import write_artifacts
from tests.helpers import record_values, write_records


@pytest.fixture
def uris(tmp_path: Path) -> dict[str, str]:
    return write_artifacts(tmp_path / "run")


def test_everything_there_is_is_shown(uris: dict[str, str]) -> None:
    found = collect_report_data(ReportSources("Täglich", uris))
    assert set(found.missing) == {"model", "model_run"}
    assert found.account and found.account.rows == 48
    assert found.majority_baseline == {"accuracy": 0.5, "micro_f1": 0.5, "macro_f1": pytest.approx(1 / 3)}
    assert found.profile and found.profile.read == found.profile.rows == 18
    assert {label: len(some) for label, some in found.profile.contact_sheet.items()} == {"even": 3, "odd": 3}
    text = render_report(found)
    assert "<title>Täglich: report</title>" in text
    assert ">Not blessed<" in text
    assert "48 rows = 18 examples + 30 rejects" in text
    assert "no 19.png" in text and "no 20.png" not in text
    assert "and 10 more in rejects.jsonl" in text
    assert text.count("data:image/webp;base64,") >= 6


def test_of_images_alone_nothing_is_said_of_texts(tmp_path: Path) -> None:
    """Also where there is no model that could say so."""
    uris = write_artifacts(tmp_path / "run")
    account = Path(uris["rejects"]) / "account.json"
    account.write_text(json.dumps({**json.loads(account.read_text()), "descriptions": False}))
    for number, split in enumerate(SPLITS):
        rows = (record_values(6 * number + n, **{features.DESCRIPTION: None}) for n in range(6))
        write_records(Path(uris["examples"]) / f"Split-{split}" / "data.tfrecord", rows)
    found = collect_report_data(ReportSources("x", uris))
    assert found.profile and found.profile.text is None
    assert 'id="text"' not in render_report(found)


@pytest.mark.parametrize("missing", [name for name in ARTIFACT_NAMES if name not in ("model", "model_run")])
def test_any_artifact_may_be_missing(uris: dict[str, str], missing: str) -> None:
    del uris[missing]
    found = collect_report_data(ReportSources("x", uris))
    assert found.missing[missing] == "the run did not come to it"
    assert render_report(found)


@pytest.mark.parametrize("broken", [name for name in ARTIFACT_NAMES if name not in ("model", "model_run")])
def test_any_artifact_may_be_broken(uris: dict[str, str], broken: str) -> None:
    for path in Path(uris[broken]).rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff\xfe broken")
    found = collect_report_data(ReportSources("x", uris))
    # The name of the file says whether a model is blessed, so its content does not matter.
    assert (broken in found.missing) == (broken != "blessing")
    assert render_report(found)


def test_an_artifact_may_be_an_empty_folder(uris: dict[str, str]) -> None:
    for uri in uris.values():
        shutil.rmtree(uri)
        Path(uri).mkdir()
    assert render_report(collect_report_data(ReportSources("x", uris)))


def test_a_run_of_nothing_but_a_failure_has_a_page() -> None:
    assert "ImageTextExampleGen failed: no" in render_report(
        collect_report_data(ReportSources("x", {}, "ImageTextExampleGen failed: no"))
    )


def test_the_blessing_is_the_one_that_pusher_obeys(uris: dict[str, str]) -> None:
    folder = Path(uris["blessing"])
    (folder / "NOT_BLESSED").rename(folder / "BLESSED")
    assert collect_report_data(ReportSources("x", uris)).blessed is True


def test_splits_come_in_their_natural_order(uris: dict[str, str]) -> None:
    assert list(collect_report_data(ReportSources("x", uris)).statistics["label"]) == list(SPLITS)


def test_the_rows_of_a_finding_are_shown_and_those_of_one_image_side_by_side(uris: dict[str, str]) -> None:
    twins = [record_values(n, **{features.SHA256: "f" * 64}) for n in (0, 1)]
    others = [record_values(n) for n in range(2, 6)]
    write_records(Path(uris["examples"]) / "Split-train" / "data.tfrecord", [*twins, *others])
    conflict = {"rule": "label_conflict", "severity": "warn", "message": "m", "ids": ["row-0", "row-1", "row-9", "no"]}
    rejected = {"rule": "rejects", "severity": "warn", "message": "m", "ids": ["row-2"]}
    verdict = {"passed": True, "findings": [rejected, conflict]}
    (Path(uris["verdict"]) / "verdict.json").write_text(json.dumps(verdict))
    found = collect_report_data(ReportSources("t", uris))
    assert {
        number: [[(row.id, row.split) for row in group] for group in groups]
        for number, groups in found.finding_rows.items()
    } == {1: [[("row-0", "train"), ("row-1", "train")], [("row-9", "val")]]}
    assert all(row.thumbnail for group in found.finding_rows[1] for row in group)
    text = render_report(found)
    assert text.count('<div class="together">') == 2
    assert text.index(">row-0<") < text.index(">row-1<") < text.index(">row-9<")


def test_suspicious_labels_are_shown_with_their_pictures_and_found_in_the_gallery(uris: dict[str, str]) -> None:
    """A row that is not among those that were read, as the second of these, has a picture all the same."""
    lines = [
        {"id": "row-7", "split": "val", "place": 1, "given": ["odd"], "suggested": ["even"], "confidence": 0.973},
        {"id": "else", "split": "train", "place": 5, "given": ["a"], "suggested": ["a", "b"], "confidence": 0.5},
    ]
    file = Path(uris["linear_baseline"]) / "suspicious_labels.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = collect_report_data(ReportSources("t", uris))
    assert found.suspicious and found.suspicious.ids == ["row-7", "else"]
    shown = [(row.id, row.split, row.label, row.note, row.description) for row in found.suspicious.displayed]
    assert shown == [("row-7", "val", "odd", "even 97%", "text 7"), ("else", "train", "a", "a, b 50%", "")]
    assert all(row.thumbnail for row in found.suspicious.displayed)
    assert found.gallery
    assert [row.id for row in found.gallery.rows if "suspicious_label" in row.findings] == ["row-7"]


def test_a_baseline_that_judged_no_labels_or_whose_lines_are_damaged_says_so(uris: dict[str, str]) -> None:
    assert collect_report_data(ReportSources("t", uris)).suspicious is None
    file = Path(uris["linear_baseline"]) / "suspicious_labels.jsonl"
    file.write_text("")
    found = collect_report_data(ReportSources("t", uris))
    assert found.suspicious and found.suspicious.ids == []
    file.write_text('{"id": "row-7"}\n')
    found = collect_report_data(ReportSources("t", uris))
    assert found.suspicious is None
    assert "ValidationError" in found.missing["linear_baseline"]
    assert render_report(found)
