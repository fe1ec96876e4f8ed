"""``examples/``: complete settings, which say in their first lines where the data are had and what to expect."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from diptych.pipeline.settings import load_settings
from tests.docs.shell import problem_of
from tests.paths import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def load_script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fetch_emoji = load_script("fetch_emoji")


def head_of(path: Path) -> list[str]:
    """The comment at the top, without its signs."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    return [line.removeprefix("#").strip() for line in comment]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_settings_are_accepted(path: Path, tmp_path: Path) -> None:
    (tmp_path / "catalogue.csv").touch()
    load_settings(str(path), [f"data.catalogue={tmp_path / 'catalogue.csv'}"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_head_says_how_to_run_it_and_what_to_expect(path: Path) -> None:
    head = head_of(path)
    command = re.fullmatch(r"Data: .+: (\S.*)", head[0])
    assert command and problem_of(command[1].split(), "README.md") is None
    assert f"diptych run examples/{path.name}" in head
    text = " ".join(head)
    assert "Two cores" in text and "accuracy" in text and "macro-F1" in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_data_lie_where_the_command_writes_them(path: Path) -> None:
    (catalogue,) = re.findall(r"catalogue: (\S+)", path.read_text(encoding="utf-8"))
    folder = {"make demo": "runs/demo/data", "python examples/fetch_emoji.py": "runs/emoji/data"}
    command = head_of(path)[0].rpartition(": ")[2]
    assert (path.parent / catalogue).resolve() == ROOT / folder[command] / "catalogue.csv"


# ---- fetch_emoji.py, on small packages of the same layout


def entry(unified: str, order: int, name: str, subcategory: str = "person", **more: Any) -> dict[str, Any]:
    """As in ``emoji.json``, of which this is what is read."""
    image = f"{unified.lower()}.png"
    kind = {"category": "People & Body", "subcategory": subcategory}
    return {"unified": unified, "image": image, "name": name, "sort_order": order, **kind, **more}


EMOJI = [
    entry("1F9D1", 2, "ADULT", skin_variations={"1F3FD": {"unified": "1F9D1-1F3FD", "image": "1f9d1-1f3fd.png"}}),
    entry("263A-FE0F", 1, "WHITE SMILING FACE", "face"),
    entry("1FAE8", 3, "SHAKING FACE", "face", skin_variations={"1F3FB": {"unified": "1FAE8-1F3FB", "image": "s.png"}}),
    entry("1F1E9-1F1EA", 4, "FLAG", "country-flag"),
    entry("1F3FB", 5, "TONE", "skin-tone"),
]
ANNOTATIONS = {
    "☺": {"tts": ["smiling face"], "default": ["face", "smile", "smiling face"]},
    "🧑": {"tts": ["person"], "default": ["adult", "person", "über, all"]},
}
DERIVED = {
    "🧑🏽": {"tts": ["person: medium skin tone"], "default": ["adult", "medium skin tone"]},
    "$": {"tts": ["US Dollar"]},
}
ROWS = [
    ["image", "description", "label", "subgroup", "group"],
    ["images/emoji_u263a.png", "smiling face. face, smile", "People & Body", "face", "263a"],
    ["images/emoji_u1f9d1.png", "person. adult, über, all", "People & Body", "person", "1f9d1"],
    [
        "images/emoji_u1f9d1_1f3fd.png",
        "person: medium skin tone. adult, medium skin tone",
        "People & Body",
        "person",
        "1f9d1",
    ],
    ["images/emoji_u1fae8.png", "shaking face", "People & Body", "face", "1fae8"],
    ["images/emoji_u1fae8_1f3fb.png", "shaking face: light skin tone", "People & Body", "face", "1fae8"],
]


def files_of_packages() -> dict[str, dict[str, bytes]]:
    """The files of each package, by name."""
    images = [variant["image"] for one in EMOJI for variant in (one, *one.get("skin_variations", {}).values())]
    buffer = io.BytesIO()
    Image.new("RGBA", (64, 64), "red").save(buffer, "PNG")

    def annotations(section: str, texts: Any) -> dict[str, bytes]:
        return {f"{section}/en/annotations.json": json.dumps({section: {"annotations": texts}}).encode()}

    return {
        fetch_emoji.IMAGES: {
            "emoji.json": json.dumps(EMOJI).encode(),
            **{f"img/google/64/{image}": buffer.getvalue() for image in images},
        },
        fetch_emoji.ANNOTATIONS: annotations("annotations", ANNOTATIONS),
        fetch_emoji.DERIVED_ANNOTATIONS: annotations("annotationsDerived", DERIVED),
    }


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that packs the small packages as npm would download them."""
    for package, files in files_of_packages().items():
        with tarfile.open(tmp_path / f"{package}.tgz", "w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(f"package/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1 $2" = "pack --silent" ] && cp "{tmp_path}/$3.tgz" . && echo "$3.tgz"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


@pytest.mark.usefixtures("npm")
def test_the_emoji_become_a_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "data"
    monkeypatch.setattr("sys.argv", ["fetch_emoji.py", "--output", str(output)])
    fetch_emoji.main()
    with (output / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == ROWS
    for image, *_ in rows[1:]:
        with Image.open(output / image) as picture:
            assert picture.size == (64, 64)


def test_npm_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["fetch_emoji.py", "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match="apt-get install npm"):
        fetch_emoji.main()
