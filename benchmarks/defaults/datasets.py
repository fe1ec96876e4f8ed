"""The datasets: emoji, the demo's digits, and catalogues on which nobody tuned the defaults."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.defaults.packages import unpack
from benchmarks.defaults.recipes import RECIPES, Recipe
from benchmarks.tools import ROOT, python_command, run_timed
from diptych.pipeline.demo.digits import write_digits_catalogue

_NAME = "catalogue.csv"
_FOLDER = ROOT / "runs" / "catalogues"


@dataclass(frozen=True)
class Dataset:
    """A catalogue, and what a person must say of it.

    Attributes:
        about: what its pictures, texts and labels are.
        catalogue: makes it unless it is there, and returns its path.
        changes: the answer to what ``diptych init`` says that it is unsure of, as ``KEY=VALUE``.
    """

    about: str
    catalogue: Callable[[], Path]
    changes: Sequence[str] = ()


def build_catalogue(name: str, recipe: Recipe, folder: Path) -> Path:
    """Builds a catalogue, images and ``catalogue.csv``, unless it is there, and returns the path of the CSV file.

    Args:
        name: of the catalogue's folder.
        folder: the folder that this is in.

    Raises:
        BenchmarkError: a package could not be downloaded, or is not the pinned one.
    """
    target = folder / name
    if not target.exists():
        partial = target.with_name(f"{name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        _write(recipe, partial)
        partial.rename(target)
    return target / _NAME


def _write(recipe: Recipe, target: Path) -> None:
    (target / "images").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name, (target / _NAME).open("w", newline="", encoding="utf-8") as file:
        rows = list(recipe.rows(*(unpack(package, Path(name)) for package in recipe.packages)))
        has_text = any(row.description for row in rows)
        writer = csv.writer(file)
        writer.writerow(("id", "image", *(("description",) if has_text else ()), "label"))
        for row in rows:
            image = f"images/{row.id}.png"
            row.image.save(target / image)
            writer.writerow((row.id, image, *((row.description,) if has_text else ()), row.label))


def _emoji() -> Path:
    """The emoji beside the project, which tests use too; else those that npm has."""
    for folder in (ROOT.parent / "shared" / "data" / "emoji", ROOT / "runs" / "emoji" / "data"):
        if (path := folder / _NAME).exists():
            return path
    run_timed(python_command("examples/fetch_emoji.py"))
    return path


def _demo() -> Path:
    return Path(write_digits_catalogue(str(_FOLDER / "demo")))


def _built(name: str, recipe: Recipe) -> Dataset:
    return Dataset(recipe.about, lambda: build_catalogue(name, recipe, _FOLDER))


DATASETS: Mapping[str, Dataset] = {
    "emoji-label": Dataset("drawn emoji; name and keywords", _emoji, ("data.columns.label=label",)),
    "emoji-subgroup": Dataset("drawn emoji; name and keywords", _emoji, ("data.columns.label=subgroup",)),
    "demo": Dataset("digits of 8 x 8 pixels; measurements of them", _demo),
    **{name: _built(name, recipe) for name, recipe in RECIPES.items()},
}
