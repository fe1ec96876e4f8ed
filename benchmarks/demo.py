"""The demo's seconds by component and its imports: in an empty folder, and once more when everything is cached."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.tools import (
    BenchmarkError,
    demo_command,
    make_parser,
    print_table,
    python_command,
    read_summary,
    run_timed,
)

# What a run imports before its first component.
_IMPORTS = "import tfx.orchestration.local.local_dag_runner, diptych.pipeline.dag"


def main() -> None:
    """Runs the demo twice in the same folder, which is empty at first, and prints the seconds of both runs.

    What a run imports is timed in a process of its own.

    Raises:
        BenchmarkError: a component of the second run was not cached.
    """
    make_parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        walls = [run_timed(demo_command(folder))]
        first = read_summary(folder)["seconds"]
        walls.append(run_timed(demo_command(folder)))
        summary = read_summary(folder)
    imports = run_timed(python_command("-c", _IMPORTS))
    second = summary["seconds"]
    rows: list[tuple[Any, ...]] = [
        (component, first[component], second[component], _ratio(second, first, component)) for component in first
    ]
    totals = [sum(first.values()), sum(second.values())]
    rows.append(("components", *totals, totals[1] / totals[0]))
    rows.append(("imports", imports, imports, 1.0))
    rows.append(("the rest", *(wall - total - imports for wall, total in zip(walls, totals, strict=True)), None))
    rows.append(("wall", *walls, walls[1] / walls[0]))
    print_table("The demo, in seconds", ("component", "first run", "second run", "ratio"), rows)
    if missed := sorted(set(second) - set(summary["cached"])):
        raise BenchmarkError(f"not cached in the second run: {', '.join(missed)}")
    print(f"All {len(second)} components of the second run were cached.")


def _ratio(second: dict[str, float], first: dict[str, float], component: str) -> float | None:
    return second[component] / first[component] if first[component] else None


if __name__ == "__main__":
    main()
