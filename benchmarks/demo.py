"""The demo's seconds by component, from empty and again at once, when all is cached."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.tools import BenchmarkError, demo, parser, read_summary, show, timed


def main() -> None:
    """Runs the demo twice in an empty folder and prints both.

    Raises:
        BenchmarkError: a component of the second run was not cached.
    """
    parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        walls = [timed(demo(folder))]
        first = read_summary(folder)["seconds"]
        walls.append(timed(demo(folder)))
        summary = read_summary(folder)
    second = summary["seconds"]
    rows: list[tuple[Any, ...]] = [
        (component, first[component], second[component], _ratio(second, first, component)) for component in first
    ]
    totals = [sum(first.values()), sum(second.values())]
    rows.append(("components", *totals, totals[1] / totals[0]))
    rows.append(("wall", *walls, walls[1] / walls[0]))
    show("The demo, in seconds", ("component", "first run", "second run", "ratio"), rows)
    if missed := sorted(set(second) - set(summary["cached"])):
        raise BenchmarkError(f"not cached in the second run: {', '.join(missed)}")
    print(f"All {len(second)} components of the second run were cached.")


def _ratio(second: dict[str, float], first: dict[str, float], component: str) -> float | None:
    return second[component] / first[component] if first[component] else None


if __name__ == "__main__":
    main()
