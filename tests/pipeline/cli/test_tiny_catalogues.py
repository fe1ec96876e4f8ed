"""What commands say of a catalogue of one row or a few: numbers agree with their nouns, and nothing is left behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import write_catalogue, write_image

# "1 rows"; but in "val 1 (100.0%)" and "of 1 label has" a noun is as it should be.
BAD_COUNT = re.compile(r"(?<![\w.,/])1 (?:[a-z]+ )?(?!is\b|has\b|was\b|lies\b)[a-z]+s\b")


def make(folder: Path, rows: int) -> None:
    folder.mkdir()
    values = [
        {
            "image": f"{number}.png",
            "description": f"a {('red', 'blue')[number % 2]} thing",
            "label": ("a", "b")[number % 2],
        }
        for number in range(rows)
    ]
    for number in range(rows):
        write_image(folder / f"{number}.png", seed=number)
    (folder / "0.png").write_bytes(b"broken" if rows > 1 else (folder / "0.png").read_bytes())
    write_catalogue(folder, values)
    (folder / "old.json").write_text(json.dumps(values))


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_counts_read_well_and_nothing_else_is_said(tmp_path: Path, rows: int) -> None:
    folder = tmp_path / "shop"
    make(folder, rows)
    commands = [
        ["init", "catalogue.csv"],
        ["check", "diptych.yaml", "--html"],
        ["convert", "old.json", "new.parquet"],
    ]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "diptych", *command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout, (command, done.stderr)
        assert not BAD_COUNT.findall(done.stdout + done.stderr), done.stdout + done.stderr
    written = (folder / "diptych.yaml").read_text() + next(folder.glob("*-check.html")).read_text()
    assert not BAD_COUNT.findall(re.sub(r"<(style|svg).*?</\1>", "", written, flags=re.DOTALL))
