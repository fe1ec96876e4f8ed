"""Rejected rows can be downloaded as a CSV file that a spreadsheet does not run."""

from __future__ import annotations

import base64
import csv
import io

from diptych.components.report.page import render_report
from diptych.components.report.reject_tables import rejects_csv_uri
from diptych.components.report.report_data import RejectedRow
from tests.components.report.report_fixtures import HOSTILE, hostile_data


def test_the_rejects_can_be_downloaded_from_the_page() -> None:
    uri = rejects_csv_uri(hostile_data().rejects)
    content = base64.b64decode(uri.partition(",")[2]).decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["row"] for row in rows] == ["1234", "7"]
    assert rows[0]["detail"] == HOSTILE
    assert rows[1]["detail"] == "'=HYPERLINK(1)"
    assert 'download="rejects.csv"' in render_report(hostile_data())


def test_a_download_of_many_rejects_leaves_room_for_the_rest() -> None:
    row = RejectedRow(row=1, reason="corrupt", detail="x" * 300)
    assert len(rejects_csv_uri([row] * 10_000)) < 1_000_000
