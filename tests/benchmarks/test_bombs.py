"""Catalogues that would fill memory or disk are read in little of both, and refused by the name of a limit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from benchmarks.bomb_files import BOMBS
from benchmarks.tools import ROOT, child_environment

# What the bombs unpack to, and the limits, in megabytes. A bomb is at least twice as large as what it may take.
SIZE, MEMORY, SCRATCH = 3, 16, 1.5
# What may be said of bombs that are no larger than what the rest of the document is allowed to be, or are no table.
OTHER_REASONS = ("nested too deeply", "no images and no annotations", "a record begins that has no end", "no column")


@pytest.mark.promise(
    "Whatever a catalogue holds, reading it takes less than 1 GB of memory, and no more disk than a limit"
)
def test_every_bomb_is_bounded(record_property: Callable[[str, object], None]) -> None:
    limits = ["--mb", str(SIZE), "--memory-mb", str(MEMORY), "--scratch-gb", str(SCRATCH / 1000), "--no-init"]
    command = [sys.executable, "-m", "benchmarks.bombs", *limits, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, check=True)
    bombs = {bomb["bomb"]: bomb for bomb in map(json.loads, done.stdout.splitlines())}
    assert bombs.keys() == BOMBS.keys()
    for name, bomb in bombs.items():
        assert max(bomb["memory"], bomb["child"]) < 400, name
        assert bomb["scratch"] <= 2 * SCRATCH, name
        said = bomb["said"]
        assert not said or "data.limits." in said or "data.class_names" in said or any(map(said.count, OTHER_REASONS))
    memory, scratch = (max(bomb[what] for bomb in bombs.values()) for what in ("memory", "scratch"))
    named = sum("data.limits." in bomb["said"] for bomb in bombs.values())
    record_property(
        "figure",
        f"{len(bombs)} bombs, limits of {MEMORY} and {SCRATCH:g} MB: at most {memory:.0f} MB of memory and "
        f"{scratch:.1f} MB on the disk; {named} refused by a limit's name",
    )
