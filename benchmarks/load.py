"""Whole runs of generated catalogues: by component, processor time a row and peak memory, of few rows and of many."""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import StageUse, measure_stages
from benchmarks.tools import make_parser, print_table, python_command, run_timed

#: The width and height of an image, in pixels.
SIDE = 32
# Finding a file in a folder with more files is slow.
_FILES_PER_FOLDER = 1000
# How a run that is not watched at a terminal ends the line of a component.
_DONE = " done in "


@dataclass(frozen=True)
class Load:
    """A catalogue to make.

    Attributes:
        rows: their number.
        classes: the number of labels.
        words: the number of words that texts are made of.
        text_bytes: the size of a text.
    """

    rows: int
    classes: int = 10
    words: int = 5_000
    text_bytes: int = 200


def write_catalogue(folder: Path, load: Load) -> Path:
    """Writes images of 32 x 32 pixels whose colours tell their label roughly, and texts whose words do, and a CSV."""
    import cv2

    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (load.classes, 3))
    words = np.array([np.base_repr(number + 36**3, 36).lower() for number in range(load.words)])
    path = folder / "catalogue.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "description", "label"])
        for row in range(load.rows):
            label = row % load.classes
            image = Path("images", f"{row // _FILES_PER_FOLDER:05d}", f"{row:08d}.png")
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(colours[label] + random.normal(0, 40, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / image), pixels)
            writer.writerow([image.as_posix(), _text(words, label, load, random), f"label{label:05d}"])
    return path


def _text(words: NDArray[np.str_], label: int, load: Load, random: np.random.Generator) -> str:
    """A text of which a fifth are words of the label; words are as frequent as Zipf's law says."""
    count = max(1, load.text_bytes // (len(words[0]) + 1))
    ranks = np.minimum(random.zipf(1.3, count), len(words)) - 1
    of_label = random.random(count) < 0.2
    ranks[of_label] = (label * 7 + ranks[of_label] % 7) % len(words)
    return " ".join(words[ranks])


def measure(load: Load) -> dict[str, StageUse]:
    """Makes a catalogue, runs ``diptych init`` and ``diptych run`` on it, and tells what each component took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalogue = write_catalogue(folder, load)
        config = folder / "diptych.yaml"
        run_timed(python_command("-m", "diptych", "init", str(catalogue), "--output", str(config)))
        # By default, longer texts than 100,000 characters are rejected.
        limit = f"data.limits.text_characters={max(100_000, load.text_bytes)}"
        command = python_command("-m", "diptych", "run", str(config), "--output", str(folder / "run"), "--set", limit)
        return measure_stages(command, _component_of)


def _component_of(line: str) -> str | None:
    """The component whose end a line of a run's output tells; None if it tells none."""
    return line.split()[0] if _DONE in line else None


def main() -> None:
    """Runs all sizes, prints the tables, and draws the plot if one is asked for."""
    options = _parse()
    base = Load(options.rows[0], options.classes, options.words, options.text_bytes)
    measured = {rows: measure(replace(base, rows=rows)) for rows in options.rows}
    components = list(measured[options.rows[-1]])
    columns = ("component", *(f"{rows:,} rows" for rows in options.rows))
    cost = {rows: {name: 1e3 * use.cpu_seconds / rows for name, use in each.items()} for rows, each in measured.items()}
    memory = {rows: {name: use.peak.total / 1e6 for name, use in each.items()} for rows, each in measured.items()}
    for title, values in (("Milliseconds of the processor a row", cost), ("Peak memory of all processes, MB", memory)):
        print_table(title, columns, [(name, *(of.get(name) for of in values.values())) for name in components])
    totals = [(f"{rows:,}", sum(use.cpu_seconds for use in each.values())) for rows, each in measured.items()]
    print_table("Seconds of the processor in components", ("rows", "seconds"), totals)
    if options.plot:
        options.plot.write_text(draw(cost, memory), encoding="utf-8")


def draw(cost: Mapping[int, Mapping[str, float]], memory: Mapping[int, Mapping[str, float]]) -> str:
    """An SVG of both tables."""
    import vl_convert

    charts = [_chart(cost, "milliseconds of the processor a row"), _chart(memory, "peak memory, MB")]
    return str(vl_convert.vegalite_to_svg(json.dumps({"hconcat": charts, "background": "white", "padding": 30})))


def _chart(values: Mapping[int, Mapping[str, float]], title: str) -> dict[str, Any]:
    data = [
        {"rows": f"{rows:,} rows", "component": name, "value": value}
        for rows, of in values.items()
        for name, value in of.items()
    ]
    order = list(dict.fromkeys(name for of in values.values() for name in of))
    return {
        "data": {"values": data},
        "mark": "bar",
        "width": 260,
        "encoding": {
            "y": {"field": "component", "type": "nominal", "sort": order, "title": None},
            "yOffset": {"field": "rows"},
            "x": {"field": "value", "type": "quantitative", "title": title},
            "color": {"field": "rows", "title": None},
        },
    }


def _parse() -> argparse.Namespace:
    arguments = make_parser(__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=(10_000, 100_000), help="default: %(default)s")
    arguments.add_argument("--classes", type=int, default=Load.classes, help="default: %(default)s")
    arguments.add_argument("--words", type=int, default=Load.words, help="default: %(default)s")
    arguments.add_argument("--text-bytes", type=int, default=Load.text_bytes, help="default: %(default)s")
    arguments.add_argument("--plot", type=Path, help="an SVG to draw the tables in")
    return arguments.parse_args()


if __name__ == "__main__":
    main()
