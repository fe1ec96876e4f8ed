"""Commands that need no TFX, with a fault at each of their operations."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.faults.injection import BROKEN_DISK, DISK_FULL, FAULTS, Ended, Fault, Host, files_in, open_host, restore
from tests.faults.sweep import Command, judge_failure, sweep
from tests.kubeflow.words_pipeline import make_spec

_IMPORTED = (
    "diptych.kubeflow.commands",
    "diptych.kubeflow.local.simulate",
    "diptych.pipeline.prepare.check_settings",
    "diptych.pipeline.prepare.run_settings",
    "diptych.pipeline.runs.verify",
    "kfp.pipeline_spec.pipeline_spec_pb2",
    "pandas",
    "diptych.pipeline.prepare.describe",
    "diptych.pipeline.prepare.check_page",
    "diptych.pipeline.prepare.init",
    "diptych.pipeline.convert.conversion",
    "diptych.components.example_gen.record_index",
    "diptych.pipeline.demo.digits",
    "sklearn.datasets",
    "pyarrow.parquet",
)
# A folder of scratch that cannot be removed is, at the start of the next command.
_DELETED_LATER = ("temporary/",)


@pytest.fixture(scope="module")
def host(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A catalogue with its settings, and what commands have written before."""
    with open_host(shim, tmp_path_factory.mktemp("host"), _IMPORTED) as host:
        lines = ["image,description,label"]
        for number in range(20):
            Image.new("RGB", (8, 8), (number, 0, 9 * number)).save(host.work / f"{number}.png")
            lines.append(f"{number}.png,text {number},{'even' if number % 2 else 'odd'}")
        (host.work / "catalogue.csv").write_text("\n".join(lines) + "\n")
        settings = "data: {catalogue: catalogue.csv, processes: 1}\nimage: {height: 8, width: 8}\n"
        (host.work / "settings.yaml").write_text(settings)
        (host.work / "diptych-rejects.jsonl").write_text("of an earlier check")
        (host.work / "diptych-check.html").write_text("of an earlier check")
        rows = [{"image": f"{number}.png", "text": "a", "label": "b"} for number in range(5)]
        (host.work / "old.pkl").write_bytes(pickle.dumps(rows))
        (host.work / "spec.yaml").write_text(yaml.safe_dump(make_spec()))
        yield host


def does_without_an_image(ended: Ended) -> bool:
    """An image that cannot be read is a reject, as in a run, or a picture that is missing on the page."""
    return ended.code == 0 and ended.fault.endswith(".png")


# check and simulate start processes each time, which takes a second.
@pytest.mark.parametrize(
    ("faults", "command"),
    [
        (FAULTS, Command(["init", "catalogue.csv", "--output", "settings.yaml", "--force"], ignored=_DELETED_LATER)),
        (FAULTS, Command(["init", "catalogue.csv", "--output", "fresh.yaml"], ignored=_DELETED_LATER, most=8)),
        (FAULTS[:3], Command(["check", "settings.yaml", "--html"], is_told=does_without_an_image, most=4)),
        (FAULTS, Command(["convert", "catalogue.csv", "new.parquet"])),
        (FAULTS, Command(["convert", "old.pkl", "new.parquet"], most=12)),
        (FAULTS, Command(["config", "settings.yaml"])),
        (
            (DISK_FULL, BROKEN_DISK),
            Command(
                ["simulate", "spec.yaml", "--root", "simulated"],
                progress="steps run with|(write|read|tell) ",
                # Each run has a folder of its own.
                ignored=["work/simulated/"],
                most=10,
            ),
        ),
    ],
    ids=lambda value: " ".join(value.arguments) if isinstance(value, Command) else "",
)
@pytest.mark.promise("Whichever operation of a command fails, it says so in a sentence and leaves no half of a file")
def test_a_fault_is_a_sentence_and_leaves_no_half(
    host: Host, faults: Sequence[Fault], command: Command, record_property: Callable[[str, object], None]
) -> None:
    swept = sweep(host, command, faults)
    record_property("figure", swept.figure(command))
    assert not swept.wrong, "\n".join(swept.wrong)
    assert swept.faults


def test_a_full_disk_stops_the_demo_before_its_run(host: Host, record_property: Callable[[str, object], None]) -> None:
    before = files_in(host.root)
    # Making folders, and writing images; with the four operations of each there are 7,191.
    numbers = [*range(1, 8), 500, 7100]
    wrong = []
    for number in numbers:
        ended = host.run(["demo", "--output", "demo"], DISK_FULL, number)
        wrong += [f"{ended.fault}: {problem}\n  {ended.error}" for problem in judge_failure(ended)]
        found = files_in(host.root)
        wrong += [f"{name} is left behind" for name in found if name.endswith(".part")]
        restore(host.root, before, found)
    record_property("figure", f"demo: {len(numbers)} faults injected, {len(wrong)} not told by a sentence")
    assert not wrong, "\n".join(wrong)
