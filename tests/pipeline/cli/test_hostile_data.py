"""Catalogues and arguments from anywhere: nothing in them acts on the terminal, in the settings file or on the page."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from rich.console import Console

from diptych.models.errors import GATE_STOPPED, OK, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.local.log_capture import redirect_output
from diptych.pipeline.local.view import LiveView, PlainView
from diptych.pipeline.runs.summary import Failure, Summary, explain_error, print_summary
from tests.hostile_texts import ACTING, BREAKING, SECRET, acting_characters

HOSTILE = f"{ACTING}\n{BREAKING}".replace("/", ":")
LABELS = (f"cat{HOSTILE}", f"dog{HOSTILE}")
LABEL_COLUMN = "label\u202e\x1b[2J\nDecided"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a catalogue whose column, ids, texts, labels and files have hostile names."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for number in range(40):
        name = f"{number}{HOSTILE[: 2 + number]}.png"
        Image.new("RGB", (9, 9), (5 * number, 0, 200)).save(tmp_path / name)
        text = f"{number} {HOSTILE} https://me:{SECRET}@host/a?token={SECRET}"
        row = {"id": f"{number}{HOSTILE}", "image": name, "description": text, LABEL_COLUMN: LABELS[number % 2]}
        rows.append(row | ({"image": f"gone{HOSTILE}"} if number == 7 else {}))
    (tmp_path / "shop.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def shown_by(capfd: pytest.CaptureFixture[str]) -> str:
    """What was printed, of which nothing acts."""
    out, err = capfd.readouterr()
    assert not acting_characters(out + err) - {"\n"}
    assert SECRET not in out + err
    return out


def test_a_hostile_catalogue_is_read_and_nothing_in_it_acts(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "shop.jsonl"]) == OK
    assert "label\\u202e\\x1b[2J" in shown_by(capfd)
    text = (folder / "diptych.yaml").read_bytes().decode()
    assert not acting_characters(text) - {"\n"}
    assert SECRET not in text
    choice = ["--set", f"data.columns.label={json.dumps(LABEL_COLUMN)}"]
    assert main(["config", "diptych.yaml", *choice]) == OK
    assert yaml.safe_load(shown_by(capfd))["data"]["columns"]["label"] == LABEL_COLUMN

    assert main(["check", "diptych.yaml", "--html", "page.html", *choice]) in (OK, GATE_STOPPED)
    lines = shown_by(capfd).splitlines()
    # A line end in a label makes no line.
    assert len([line for line in lines if line.startswith("Label '")]) == 2
    page = (folder / "page.html").read_bytes().decode()
    assert not acting_characters(page) - {"\n"}
    assert "<script" not in page

    assert main(["check", "diptych.yaml", "--json", *choice]) in (OK, GATE_STOPPED)
    result = json.loads(shown_by(capfd))
    assert set(result["labels"]) == set(LABELS)
    assert result["rejects"][0]["id"] == f"7{HOSTILE}"


@pytest.mark.parametrize("arguments", [["check", HOSTILE], ["init", f"x{HOSTILE}.csv"], [HOSTILE], ["run", "--set"]])
def test_hostile_arguments_are_shown_escaped(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == USAGE
    shown_by(capfd)


def test_a_bug_shows_its_traceback_escaped() -> None:
    program = (
        "import sys; from diptych.pipeline.cli import command_line\n"
        "def fail(_): raise RuntimeError(sys.argv.pop())\n"
        "command_line.run_command = fail\n"
        "from diptych.pipeline.cli.main import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, "\x1b[2J\u202e"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: \\x1b[2J\\u202e\n")


def test_progress_and_summary_are_shown_escaped(capfd: pytest.CaptureFixture[str]) -> None:
    wide = Console(width=1000, force_terminal=False)
    plain = PlainView(wide)
    plain.note("Trainer", HOSTILE)
    plain.finish(f"Custom{HOSTILE}", 1.0, HOSTILE)
    failure = Failure(component="Trainer", message=HOSTILE)
    print_summary(Summary(status="failed", folder=HOSTILE, blessing_reasons=[HOSTILE], failure=failure), wide)
    assert len(shown_by(capfd).splitlines()) < 12
    live = LiveView(Console(width=1000, force_terminal=True, color_system=None))
    live.start("Trainer")
    live.note("Trainer", "\x9b2J\u202e")
    live.update("Trainer", "\x9b2J\u202e")
    live.close()
    assert not acting_characters(capfd.readouterr().out) & set("\x9b\u202e")


def test_what_is_logged_or_printed_during_a_run_is_escaped_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "pipeline.log"
    with redirect_output(str(log)):
        logging.getLogger("diptych.test").warning("row %s", HOSTILE)
        sys.stdout.write(f"{HOSTILE}\n")
        sys.stderr.write(f"https://me:{SECRET}@host\n")
        try:
            raise RuntimeError(f"\ud800 {HOSTILE} https://host/a?sig={SECRET}")
        except RuntimeError:
            logging.getLogger("diptych.test").exception("it failed")
    text = log.read_bytes().decode()
    assert "it failed" in text
    assert not acting_characters(text) - {"\n"}
    assert SECRET not in text


def test_no_credentials_stand_in_the_message_of_a_failure() -> None:
    error = explain_error(RuntimeError(f"403, url='https://me:{SECRET}@host/a.jpg?X-Amz-Signature={SECRET}'"))
    assert error == "RuntimeError: 403, url='https://***@host/a.jpg?X-Amz-Signature=***'"
