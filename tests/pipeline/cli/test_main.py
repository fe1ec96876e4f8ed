"""The command line: exit codes, messages, and no TensorFlow where none is needed."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image

from diptych.models.errors import FAILED, GATE_STOPPED, OK, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.runs.summary import Failure, Summary


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 images of two colours, each a little different, in the working directory."""
    monkeypatch.chdir(tmp_path)
    lines = ["image,description,label"]
    for number in range(40):
        label = ("red", "blue")[number % 2]
        colour = (200 + number, 0, number) if label == "red" else (number, 0, 200 + number)
        Image.new("RGB", (9, 9), colour).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,a {label} square,{label}")
    (tmp_path / "catalogue.csv").write_text("\n".join(lines) + "\n")
    path = tmp_path / "diptych.yaml"
    path.write_text("data: {catalogue: catalogue.csv, splits: {train: 0.6, val: 0.2, test: 0.2}}\n")
    return path


def break_images(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number}.png").write_bytes(b"no image")


def modules_after(*arguments: str) -> set[str]:
    code = (
        "import sys, diptych.pipeline.cli.main as cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES ")[1].split())


def test_help_needs_no_heavy_library() -> None:
    assert not modules_after("--help") & {"tensorflow", "tfx", "apache_beam", "sklearn", "numpy", "pydantic", "kfp"}


def test_google_s_warnings_about_versions_are_not_shown() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with pytest.raises(SystemExit):
            main(["--version"])
        for module in ("google.api_core._python_version_support", "google.auth.transport.grpc", "shop"):
            warnings.warn_explicit(module, FutureWarning, "file.py", 1, module)
    assert [str(warning.message) for warning in shown] == ["shop"]


def test_check_needs_no_tensorflow(config: Path) -> None:
    modules = modules_after("check", str(config))
    assert "PIL" in modules
    assert not modules & {"tensorflow", "tfx", "apache_beam"}


def test_check_accounts_for_every_row(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    break_images(config.parent, 2)
    assert main(["check", str(config), "--json"]) == OK
    report = json.loads(capsys.readouterr().out)
    assert report["rows"] == 40
    assert sum(report["examples"].values()) == 38
    assert [(r["row"], r["reason"]) for r in report["rejects"]] == [(1, "not_an_image"), (2, "not_an_image")]


def test_check_stops_where_the_gate_would(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    break_images(config.parent, 12)
    assert main(["check", str(config)]) == GATE_STOPPED
    shown = capsys.readouterr().out
    assert "12 of 40 rows (30.0%) were rejected: 12 not_an_image" in shown
    assert "Rejected: 12 not_an_image; replace the file by an image" in shown
    assert "row 1, 0.png: " in shown and "  and 9 more" in shown
    assert "gate.rejects.max allows 10.0%" in shown


def test_check_writes_all_rejects_and_does_not_leave_old_ones(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config.parent / "diptych-rejects.jsonl"
    assert main(["check", str(config)]) == OK
    assert not file.exists()
    break_images(config.parent, 2)
    main(["check", str(config)])
    assert "All rejects: diptych-rejects.jsonl" in capsys.readouterr().out
    assert [json.loads(line)["row"] for line in file.read_text().splitlines()] == [1, 2]
    main(["check", str(config), "--rejects", "mine.jsonl"])
    assert (config.parent / "mine.jsonl").read_text() == file.read_text()
    (config.parent / "whole.csv").write_text("image,description,label\n5.png,a,red\n6.png,b,blue\n")
    main(["check", str(config), "--set", "data.catalogue=whole.csv"])
    assert file.read_text() == ""


def test_check_writes_a_page_if_asked(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config), "--html"]) == OK
    assert "Page: diptych-check.html" in capsys.readouterr().out
    page = (config.parent / "diptych-check.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") >= 20
    assert main(["check", str(config), "--html", "shown.html"]) == OK
    assert (config.parent / "shown.html").exists()


def test_check_does_not_write_its_page_over_settings(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = config.read_text()
    assert main(["check", "--html", str(config), "catalogue.csv"]) == USAGE
    assert "ends with .html" in capsys.readouterr().err
    assert config.read_text() == before


def test_check_takes_a_catalogue(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "catalogue.csv"]) in (OK, GATE_STOPPED)
    shown = capsys.readouterr().out
    assert "data.columns.label" in shown
    assert "40 rows = 40 examples + 0 rejects" in shown


@pytest.mark.parametrize("command", ["run", "check", "compile"])
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epoch=5", "did you mean 'epochs'"),
        ("image.height=0", "image.height"),
        ("data.catalogue=nowhere.csv", "there is no file"),
    ],
)
def test_wrong_settings_end_with_one_message(
    config: Path, capsys: pytest.CaptureFixture[str], command: str, override: str, words: str
) -> None:
    assert main([command, str(config), "--set", override]) == USAGE
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_missing_column_is_named_before_anything_runs(
    config: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, str(config), "--set", "data.columns.label=lable"]) == USAGE
    message = capsys.readouterr().err
    assert "has no column 'lable'; did you mean 'label'?" in message
    assert "data.columns.label" in message


def test_config_prints_every_key_with_its_value(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", str(config), "--set", "train.epochs=7"]) == OK
    assert "epochs: 7" in capsys.readouterr().out


def test_config_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--schema"]) == OK
    assert json.loads(capsys.readouterr().out)["title"] == "Settings"


def test_predict_names_what_it_cannot_use(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = str(config.parent / "0.png")
    assert main(["predict", str(config.parent), image, "--text", "red"]) == USAGE
    assert "holds no pushed model" in capsys.readouterr().err
    assert main(["predict", str(config.parent), image, image, image, "--text", "a", "--text", "b"]) == USAGE
    assert "3 images and 2 texts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "run", "--serve", "--port", "99999"], "--port: '99999' is no integer from 1 to 65535"),
        (["report", "run", "--serve", "--port", "0"], "--port: '0' is no integer from 1 to 65535"),
        (["report", "run", "--serve", "--port", "http"], "--port: 'http' is no integer from 1 to 65535"),
        (["predict", "run", "a.png", "--top", "-1"], "--top: '-1' is no integer from 1 on"),
    ],
)
def test_a_number_out_of_range_is_told_with_the_range(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == USAGE
    assert message in capsys.readouterr().err


def test_a_report_needs_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == USAGE
    assert "holds no run" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "--compare", str(tmp_path)]) == USAGE
    assert "it is no pushed model" in capsys.readouterr().err


def test_a_proposed_schema_writes_over_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    existing = config.parent / "schema.pbtxt"
    existing.write_text("")
    assert main(["schema", str(config), "--output", str(existing)]) == USAGE
    assert "exists" in capsys.readouterr().err
    assert main(["schema", str(config), "--update"]) == USAGE
    assert "data.schema_file" in capsys.readouterr().err


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == USAGE
    assert "COMMAND" in capsys.readouterr().err


def test_why_a_run_failed_is_said_even_if_its_report_fails(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Summary(status="failed", folder="run", failure=Failure(component="Trainer", message="no memory"))
    monkeypatch.setattr("diptych.pipeline.local.runner.run_pipeline", lambda settings, folder: failed)

    def fail(folder: str) -> str:
        raise LookupError("a bug")

    monkeypatch.setattr("diptych.pipeline.cli.commands.runs._report_failure", fail)
    with pytest.raises(LookupError):
        main(["run", str(config), "--output", "run"])
    assert "diptych: the run failed in Trainer: no memory\nThe whole log: " in capsys.readouterr().err
    monkeypatch.setattr("diptych.pipeline.cli.commands.runs._report_failure", lambda folder: "run/report.html")
    assert main(["run", str(config), "--output", "run"]) == FAILED
    assert capsys.readouterr().err.endswith("\nThe report: run/report.html\n")
