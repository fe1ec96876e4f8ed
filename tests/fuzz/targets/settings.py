"""Settings files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from diptych.pipeline.settings import Settings, load_settings
from tests.fuzz.target import Target, refusals
from tests.paths import ROOT

_OVERRIDE = b"\n--set "


def _settings(content: bytes) -> None:
    """A settings file, and below it values that are given in its place on the command line."""
    file, *overrides = content.split(_OVERRIDE)
    with TemporaryDirectory() as folder, refusals():
        path = Path(folder, "diptych.yaml")
        path.write_bytes(file)
        loaded = load_settings(str(path), [each.decode(errors="replace") for each in overrides])
        assert Settings.model_validate_json(loaded.model_dump_json()) == loaded, "settings change on their way"


def _files() -> Iterator[bytes]:
    for path in (*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "pipeline" / "demo" / "demo.yaml"):
        yield path.read_bytes()
    yield b"data: {catalogue: '*.csv', columns: {description: null}}\nmodel: {image: {filters: [8]}}\ntune: {trials: 2}"
    yield b"data: &a {catalogue: '{SPAN}.csv', label_separator: '|'}\n" + _OVERRIDE + b"train.epochs=2"


def _words() -> list[bytes]:
    """The names of all settings."""
    found, models = [], [Settings]
    for model in models:
        for name, field in model.model_fields.items():
            found.append(f"{name}:".encode())
            models += [each for each in (field.annotation,) if hasattr(each, "model_fields")]
    return [
        *dict.fromkeys(found),
        _OVERRIDE,
        b"<<: *a",
        b"&a ",
        b"!!binary ",
        b"!!timestamp ",
        b"!!set ",
        b"0o7",
        b"1:60",
    ]


TARGETS = {"settings": Target(_settings, _files, _words())}
