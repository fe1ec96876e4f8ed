"""Every block and every name of the documentation is what the code has: commands, settings, modules, files."""

from __future__ import annotations

import ast
import csv
import io
import re
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.components.data_gate.options import GateOptions
from diptych.models.features import RECORD_FEATURES
from diptych.pipeline.settings import Settings, load_settings
from tests.docs.markdown import Code, all_languages, code_blocks, inline_code, page_blocks, whole_text
from tests.docs.shell import command_lines, diptych_commands, make_targets, problem_of
from tests.docs.site import hooks
from tests.paths import ROOT

#: Folders and files at the root whose paths the pages name.
PLACES = {path.name for path in ROOT.iterdir()}
FILE_NAME = re.compile(r"\.(csv|gz|html|json|jsonl|parquet|pbtxt|py|sh|tfrecords?|toml|txt|ya?ml)$")


def of(codes: list[Code]) -> Any:
    return pytest.mark.parametrize("code", codes, ids=str)


def test_every_block_has_a_rule() -> None:
    """``text`` is what a program prints."""
    assert all_languages() <= {"csv", "python", "sh", "text", "yaml"}


@of(code_blocks("sh"))
def test_every_command_is_one(code: Code) -> None:
    lines = command_lines(code)
    assert lines
    assert [problem for words in lines if (problem := problem_of(words, code.page))] == []


@pytest.mark.parametrize(
    "command",
    [
        "diptych run",
        "diptych run a.yaml --no",
        "diptych no",
        "make no",
        "python -m benchmarks.no",
        "python no.py",
        "no",
    ],
)
def test_what_is_no_command_is_found(command: str) -> None:
    assert problem_of(command.split(), "README.md")


COMMAND = re.compile(r"(diptych|make|python|pip|\.venv/bin/\w+|\./bootstrap\.sh) ")


@of([code for code in inline_code() if COMMAND.match(code.text)])
def test_every_command_in_a_sentence_is_one(code: Code) -> None:
    """Of ``diptych`` it may be a part, such as its name and an option."""
    words = code.text.removeprefix(".venv/bin/").split()
    if words[0] != "diptych":
        assert problem_of(words, code.page) is None
    elif words[1] != "--help":
        options = diptych_commands()[words[1]]
        assert {word for word in words if word.startswith("--")} <= options


@of([code for code in inline_code() if code.text.startswith("--")])
def test_every_option_in_a_sentence_is_one(code: Code) -> None:
    assert code.text.split()[0] in set().union(*diptych_commands().values())


def read_yaml(code: Code) -> dict[str, Any]:
    values = yaml.safe_load(code.text)
    assert isinstance(values, dict)
    return values


@of(code_blocks("yaml"))
def test_every_yaml_is_settings_that_are_accepted(code: Code, tmp_path: Path) -> None:
    """What a part leaves out is filled in; the files that it names are made."""
    values = read_yaml(code)
    assert set(values) <= set(Settings.model_fields), "no settings: such a block needs a rule of its own"
    data = values.setdefault("data", {})
    data.setdefault("catalogue", "catalogue.csv")
    weights = ((values.get("model") or {}).get("image") or {}).get("weights")
    for name in filter(None, (data["catalogue"], data.get("schema_file"), weights)):
        if not set(name) & set("{*"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
    path = tmp_path / "diptych.yaml"
    path.write_text(yaml.safe_dump(values))
    load_settings(str(path))


def test_the_gates_defaults_are_these() -> None:
    (block,) = (code for code in page_blocks("gate-and-report.md", "yaml") if code.text.startswith("gate:"))
    rules = read_yaml(block)["gate"]
    assert set(rules) == set(GateOptions.model_fields)
    assert GateOptions(**rules) == GateOptions()


@of(code_blocks("csv"))
def test_every_catalogue_is_one(code: Code) -> None:
    head, *rows = csv.reader(io.StringIO(code.text))
    assert head == ["image", "description", "label"]
    assert {len(row) for row in rows} == {len(head)}


@of(code_blocks("python"))
def test_every_import_is_possible(code: Code) -> None:
    """Tests of the tutorial run the blocks as well."""
    for node in ast.walk(ast.parse(code.text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        assert [name for name in names if not exists(name)] == []


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bdiptych(?:\.\w+)+", whole_text()))))
def test_every_dotted_name_is_in_the_code(name: str) -> None:
    assert name == "diptych.yaml" or exists(name)


@cache
def exists(name: str) -> bool:
    """Whether there is a module of that name, or a module that has it."""
    with suppress(ModuleNotFoundError):
        return bool(import_module(name))
    module, _, attributes = name.partition(".")
    found: Any = import_module(module)
    for attribute in attributes.split("."):
        with suppress(ModuleNotFoundError):
            import_module(f"{module}.{attribute}")
        module = f"{module}.{attribute}"
        if not hasattr(found, attribute):
            return False
        found = getattr(found, attribute)
    return True


@of([code for code in inline_code() if "/" in code.text and code.text.split("/")[0] in PLACES - {"build", "runs"}])
def test_every_path_is_in_the_repository(code: Code) -> None:
    assert (ROOT / code.text).exists(), f"there is no {code.text}"


@of([code for code in inline_code() if re.match(rf"({'|'.join(Settings.model_fields)})\.[\w.]+$", code.text)])
def test_every_key_is_in_the_settings(code: Code) -> None:
    if not FILE_NAME.search(code.text):
        assert code.text in hooks.settings_keys()


@cache
def words_of_the_code() -> set[str]:
    """Every identifier in the packages."""
    folders = ("models", "components", "pipeline", "kubeflow", "docs")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")] + [ROOT / "kubeflow" / "Dockerfile"]
    return {word for path in files for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}


IDENTIFIER = re.compile(r"([A-Z]\w+|[a-z]+(_[a-z0-9]+)+)$")


# The changelog names what is gone.
@of([code for code in inline_code() if IDENTIFIER.match(code.text) and code.page != "CHANGELOG.md"])
def test_every_identifier_is_in_the_code(code: Code) -> None:
    """A name without its module, of ours or of a library that we call."""
    assert code.text in words_of_the_code()


def test_architecture_names_every_feature_of_the_record() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## The stored record")[2].partition("Transformed features")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(named) == sorted(RECORD_FEATURES)


def test_contributing_names_every_check() -> None:
    """Each target that a person who works on the code calls."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = {name.partition("-")[0] for name in make_targets()} - {"clean", "demo", "help"}
    assert [name for name in targets if f"make {name}" not in text] == []
