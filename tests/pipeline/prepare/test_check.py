"""``diptych check`` says what ingestion and the gate would say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.components.data_gate.profile import LabelProfile, make_profile
from diptych.models import features
from diptych.pipeline.prepare.check import CheckResult, check_catalogue
from diptych.pipeline.settings import Settings, SettingsError
from tests.components.data_gate.rows import write_accepted
from tests.helpers import IN_PROCESS, SMALL, write_catalogue, write_image
from tests.pipeline.prepare.odd_catalogue import GOOD_ROWS, write_odd_catalogue

HALVES = {"train": 0.4, "val": 0.3, "test": 0.3}


def settings_of(folder: Path, labels: list[str], **options: Any) -> Settings:
    """Settings of a catalogue with a row for each label, and the split that is named before its colon."""
    rows = []
    for number, label in enumerate(labels):
        split, _, name = label.partition(":")
        write_image(folder / f"{number}.png", seed=number)
        rows.append({"image": f"{number}.png", "description": "t", "label": name, "split": split})
    separator = options.pop("label_separator", None)
    data = write_catalogue(folder, rows, columns={"split": "split"}, label_separator=separator)
    train = {"task": "multilabel"} if separator else {}
    return Settings(data=data, image=SMALL, train=train, **options)


def test_rows_of_several_labels_count_once_and_each_label_of_them(tmp_path: Path) -> None:
    labels = ["train:a,b", "train:b", "train:b,a,a", "val:a", "test:b,a", "test:,"]
    check = check_catalogue(settings_of(tmp_path, labels, label_separator=","))
    assert check.rows == 6
    assert check.examples == {"train": 3, "val": 1, "test": 1}
    assert check.labels == {
        "a": {"train": 2, "val": 1, "test": 1},
        "b": {"train": 3, "val": 0, "test": 1},
    }
    assert [(reject.row, reject.reason) for reject in check.rejects] == [(6, "missing_label")]


def test_each_image_of_a_row_counts_as_a_row_and_they_share_a_split(tmp_path: Path) -> None:
    rows = []
    for number in range(20):
        names = [f"{number}-{view}.png" for view in range(3)]
        for view, name in enumerate(names):
            write_image(tmp_path / name, seed=3 * number + view)
        cell = " | ".join([*names, "absent.png"] if number == 7 else names)
        rows.append({"image": cell, "description": f"text {number}", "label": "ab"[number % 2]})
    data = write_catalogue(tmp_path, rows, paths={"several": "all", "separator": "|"}, splits=HALVES)
    check = check_catalogue(Settings(data=data, image=SMALL))
    assert check.rows == 61 == sum(check.examples.values()) + len(check.rejects)
    assert [(reject.row, reject.image, reject.reason) for reject in check.rejects] == [
        (8, "absent.png", "missing_file")
    ]
    assert all(count % 3 == 0 for count in check.examples.values())
    assert len([count for count in check.examples.values() if count]) > 1


@pytest.mark.parametrize(("unknown", "passes"), [(None, False), ("a", True)])
def test_a_label_that_training_lacks_stops_unless_it_counts_as_another(
    tmp_path: Path, unknown: str | None, passes: bool
) -> None:
    labels = ["train:a", "train:b", "val:a", "test:c"]
    check = check_catalogue(settings_of(tmp_path, labels, label={"unknown": unknown}))
    assert check.passes is passes
    (finding,) = [finding for finding in check.findings if finding.rule == "unknown_label"]
    assert "label 'c' is in split 'test' (rows with id 3.png)" in finding.message


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return write_odd_catalogue(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def of_odd(odd: Settings) -> CheckResult:
    return check_catalogue(odd)


def test_what_a_careful_person_would_find_is_found(of_odd: CheckResult) -> None:
    assert of_odd.rows == GOOD_ROWS + 4
    reasons = [reject.reason for reject in of_odd.rejects]
    assert reasons == ["missing_file", "missing_label", "not_an_image", "duplicate"]
    found = {finding.rule: finding for finding in of_odd.findings}
    assert {"rejects", "label_spelling", "label_conflict", "label_in_text"} <= set(found)
    assert found["label_conflict"].ids == ("30.png", "31.png")
    assert set(found["label_spelling"].ids) == {"10.png", "40.png"}


def test_each_row_that_becomes_an_example_has_its_origin(of_odd: CheckResult) -> None:
    for split, rows in of_odd.splits.items():
        assert [f"{origin.row - 1}.png" for origin in of_odd.origins[split]] == rows.ids
        assert [origin.image for origin in of_odd.origins[split]] == rows.ids


def test_findings_are_those_of_the_gate_of_a_run(odd: Settings, of_odd: CheckResult, tmp_path: Path) -> None:
    """The gate reads what ingestion stored; ``diptych check`` reads the catalogue."""
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from diptych.components.artifact_types import Rejects
    from diptych.components.artifacts import read_json
    from diptych.components.data_gate.rules import GateInput, apply_rules
    from diptych.components.data_gate.stored_rows import read_split_rows
    from diptych.components.declared_account import parse_declared
    from diptych.components.example_gen.driver import standard_input
    from diptych.components.example_gen.executor import ImageTextExampleGenExecutor

    examples, rejects = standard_artifacts.Examples(), Rejects()
    examples.uri, rejects.uri = str(tmp_path / "examples"), str(tmp_path / "rejects")
    properties = {
        **standard_input(odd.data.catalogue),
        "data_options": odd.data.model_dump_json(exclude={"catalogue": True}),
        "image_options": odd.image.model_dump_json(),
    }
    context = BaseBeamExecutor.Context(beam_pipeline_args=[IN_PROCESS], tmp_dir=str(tmp_path / "tmp"), unique_id="1")
    ImageTextExampleGenExecutor(context).Do({}, {"examples": [examples], "rejects": [rejects]}, properties)

    account = read_json(rejects.uri, "account.json")
    rejected = [json.loads(line) for line in (tmp_path / "rejects" / "rejects.jsonl").read_text().splitlines()]
    splits = {split: read_split_rows(examples.uri, split) for split in features.SPLITS}
    data = GateInput(
        account["rows"], rejected, splits, {}, schema_pb2.Schema(), odd.label, odd.text, parse_declared(account)
    )
    of_run = [finding for finding in apply_rules(data, odd.gate) if finding.severity != "ignore"]
    assert of_run == of_odd.findings
    assert rejected == [reject.as_json() for reject in of_odd.rejects]


def test_a_catalogue_of_which_every_row_is_rejected_is_no_crash(tmp_path: Path) -> None:
    rows = [{"image": f"{n}.png", "description": "t", "label": "a"} for n in range(3)]
    check = check_catalogue(Settings(data=write_catalogue(tmp_path, rows), image=SMALL))
    assert [finding.rule for finding in check.findings] == ["rejects"]
    assert check.empty_splits == ["train", "val", "test"]
    assert not check.passes


def test_data_are_compared_with_what_a_run_accepted_last(odd: Settings, of_odd: CheckResult, tmp_path: Path) -> None:
    assert of_odd.not_applied == ("anomaly", "drift", "label_lost", "new_format", "new_script")
    accepted = tmp_path / "accepted" / "17"
    profiles = {split: make_profile(rows, None) for split, rows in of_odd.splits.items()}
    write_accepted(accepted, profiles)
    again = check_catalogue(odd, str(tmp_path))
    assert again.not_applied == ("anomaly",)
    assert again.findings == of_odd.findings

    profiles["train"].labels["lost"] = LabelProfile(rows=40, ids=["id-1"])
    (accepted.parent / "9").mkdir()
    # A run was killed here.
    (accepted.parent / "18").mkdir()
    write_accepted(accepted, profiles)
    (lost,) = [finding for finding in check_catalogue(odd, str(tmp_path)).findings if finding not in of_odd.findings]
    assert (lost.rule, lost.ids) == ("label_lost", ("id-1",))


def test_a_curated_schema_is_read_and_what_is_none_is_refused(odd: Settings, tmp_path: Path) -> None:
    def skewed(threshold: float) -> list[str]:
        schema = tmp_path / "schema.pbtxt"
        comparator = f"skew_comparator {{ infinity_norm {{ threshold: {threshold} }} }}"
        schema.write_text(f'feature {{ name: "label" type: BYTES {comparator} }}', encoding="utf-8")
        data = odd.data.model_copy(update={"schema_file": str(schema)})
        findings = check_catalogue(odd.model_copy(update={"data": data})).findings
        return [finding.feature or "" for finding in findings if finding.rule == "skew"]

    assert skewed(0.5) == []
    assert "label" in skewed(-1)
    (tmp_path / "schema.pbtxt").write_text("no schema")
    data = odd.data.model_copy(update={"schema_file": str(tmp_path / "schema.pbtxt")})
    with pytest.raises(SettingsError, match=r"schema_file: .* is no schema"):
        check_catalogue(odd.model_copy(update={"data": data}))
