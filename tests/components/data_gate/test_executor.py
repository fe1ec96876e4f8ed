"""The gate stops runs on data that must not be learned, and names the rows and features that show why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from diptych.components.data_gate.options import GateOptions
from diptych.models import features
from diptych.models.labels import LabelOptions
from diptych.models.text.options import TextOptions
from tests.components.data_gate.rows import make_reject
from tests.helpers import IN_PROCESS, record_values, write_records

SPLIT_SIZES = {"train": 8, "val": 2, "test": 2}


REFUSED = LabelOptions()


def _identity(split: str, number: int) -> dict[str, str]:
    """Rows of different splits share neither ids nor pixels, but all their words."""
    return {"id": f"{split}-{number}", "image/sha256": f"{split}-{number}", "description": "text"}


class GateFiles:
    """The gate's inputs on disk: records, an account, a schema, and the anomalies that TFDV finds with it."""

    def __init__(
        self, root: Path, schema: str, sizes: Mapping[str, int] = SPLIT_SIZES, **of_train: dict[int, Any]
    ) -> None:
        from tfx.types import standard_artifacts

        from diptych.components.artifact_types import Rejects

        self.root = root
        for split, size in sizes.items():
            changes = of_train if split == "train" else {}
            rows = [
                record_values(n, **_identity(split, n), **{key: by[n] for key, by in changes.items() if n in by})
                for n in range(size)
            ]
            write_records(root / "examples" / f"Split-{split}" / "data.tfrecord", rows)
        (root / "schema").mkdir()
        (root / "schema" / "schema.pbtxt").write_text(schema)
        (root / "rejects").mkdir()
        self.write_account(rows=12, rejects=[])
        types = {
            "examples": standard_artifacts.Examples,
            "schema": standard_artifacts.Schema,
            "rejects": Rejects,
            "statistics": standard_artifacts.ExampleStatistics,
            "anomalies": standard_artifacts.ExampleAnomalies,
        }
        self.artifacts = {name: [kind()] for name, kind in types.items()}
        for name, (artifact,) in self.artifacts.items():
            artifact.uri = str(root / name)
        self._validate()

    def write_account(self, rows: int, rejects: list[dict[str, Any]]) -> None:
        counts: dict[str, int] = {}
        for each in rejects:
            counts[each["reason"]] = counts.get(each["reason"], 0) + 1
        (self.root / "rejects" / "account.json").write_text(json.dumps({"rows": rows, "rejects": counts}))
        (self.root / "rejects" / "rejects.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rejects))

    def _validate(self) -> None:
        import tensorflow_data_validation as tfdv
        from apache_beam.options.pipeline_options import PipelineOptions
        from tfx.types import artifact_utils

        schema = tfdv.load_schema_text(str(self.root / "schema" / "schema.pbtxt"))
        options = tfdv.StatsOptions(feature_allowlist=list(features.STATISTICS_FEATURES))
        for split in SPLIT_SIZES:
            statistics = tfdv.generate_statistics_from_tfrecord(
                str(self.root / "examples" / f"Split-{split}" / "data.tfrecord"),
                stats_options=options,
                pipeline_options=PipelineOptions([IN_PROCESS]),
            )
            found = tfdv.validate_statistics(statistics, schema)
            for name, file, message in (
                ("statistics", "FeatureStats.pb", statistics),
                ("anomalies", "SchemaDiff.pb", found),
            ):
                folder = self.root / name / f"Split-{split}"
                folder.mkdir(parents=True)
                (folder / file).write_bytes(message.SerializeToString())
        for name in ("statistics", "anomalies"):
            self.artifacts[name][0].split_names = artifact_utils.encode_split_names(list(SPLIT_SIZES))

    def run(
        self,
        push_directory: Path | None = None,
        label: LabelOptions = REFUSED,
        **options: Any,
    ) -> dict[str, Any]:
        """Runs the gate and returns its verdict. That labels have few rows is not reported."""
        from diptych.components.artifact_types import Verdict
        from diptych.components.data_gate.executor import DataGateExecutor

        verdict = Verdict()
        verdict.uri = str(self.root / "verdict" / "5")
        few = {"label_rare": {"min_rows": 1}, "label_coverage": {"severity": "ignore"}}
        properties = {
            "gate_options": GateOptions(**{**few, **options}).model_dump_json(),
            "label_options": label.model_dump_json(),
            "text_options": TextOptions().model_dump_json(),
            "push_directory": str(push_directory or self.root / "pushed"),
        }
        DataGateExecutor().Do(self.artifacts, {"verdict": [verdict]}, properties)
        return self.verdict()

    def found(self, *arguments: Any, **options: Any) -> tuple[bool, list[dict[str, Any]]]:
        """Runs the gate, and returns whether the data passed, and the findings."""
        verdict = self.run(*arguments, **options)
        return verdict["passed"], verdict["findings"]

    def verdict(self) -> dict[str, Any]:
        return dict(json.loads((self.root / "verdict" / "5" / "verdict.json").read_text()))


def schema_text(**domains: str) -> str:
    """A curated schema of every feature but the image; ``domains`` are added to the features that they name."""
    kinds = {"bytes": "BYTES", "int64": "INT", "float": "FLOAT"}
    parts = []
    for name in features.STATISTICS_FEATURES:
        feature = features.RECORD_FEATURES[name]
        count = "value_count { min: 1 }" if feature.repeated else "shape { dim { size: 1 } }"
        presence = f"presence {{ min_fraction: 1 min_count: 1 }} {count}" if feature.required else ""
        parts.append(f'feature {{ name: "{name}" type: {kinds[feature.kind]} {presence} {domains.get(name, "")} }}')
    return "\n".join(parts)


LABEL_DOMAIN = 'string_domain { value: "odd" value: "even" }'
BRIGHTNESS_DOMAIN = "float_domain { min: 10 max: 250 }"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> GateFiles:
    """Data without an anomaly."""
    schema = schema_text(label=LABEL_DOMAIN, **{"image/brightness": BRIGHTNESS_DOMAIN})
    return GateFiles(tmp_path_factory.mktemp("good"), schema)


def test_good_data_passes(good: GateFiles) -> None:
    good.write_account(rows=12, rejects=[])
    assert good.found(rejects={"max": 0}) == (True, [])


def test_the_verdict_says_what_was_looked_for(good: GateFiles, tmp_path: Path) -> None:
    good.write_account(rows=12, rejects=[])
    verdict = good.run(tmp_path, size={"severity": "ignore", "factor": 9})
    rules = {rule["rule"]: rule for rule in verdict["rules"]}
    assert rules.keys() == GateOptions.model_fields.keys()
    assert rules["duplicates"] == {
        "rule": "duplicates",
        "looks_for": "Rows of val and test whose pixels an earlier split has",
        "applied": True,
        "severity": "warn",
        "limits": {"max": 0},
    }
    # The one is ignored, and no data were accepted yet that the other could compare with.
    assert (rules["size"]["applied"], rules["size"]["limits"]) == (False, {"factor": 9})
    assert not rules["drift"]["applied"]
    assert all(rule["applied"] for rule in good.run(tmp_path)["rules"] if rule["rule"] in ("size", "drift"))


def test_anomalies_name_their_features_and_rows(tmp_path: Path) -> None:
    from diptych.components.data_gate.executor import DataGateError

    inputs = GateFiles(
        tmp_path,
        schema_text(label=LABEL_DOMAIN, **{"image/brightness": BRIGHTNESS_DOMAIN}),
        label={3: "od", 5: "od"},
        **{"image/brightness": {2: 0.0}},
    )
    with pytest.raises(DataGateError) as raised:
        inputs.run()
    message = str(raised.value)
    assert "split 'train', feature 'label': Unexpected string values" in message
    assert "rows with id train-3, train-5;" in message
    assert "feature 'image/brightness'" in message
    assert "rows with id train-2;" in message
    verdict = inputs.verdict()
    assert not verdict["passed"]
    assert len(verdict["findings"]) == 2
    assert inputs.run(anomaly={"error": "warn"})["passed"]
    assert inputs.found(anomaly={"error": "ignore"}) == (True, [])


def test_rejects_above_the_ratio_stop_the_run(good: GateFiles) -> None:
    from diptych.components.data_gate.executor import DataGateError

    good.write_account(rows=15, rejects=[make_reject(n) for n in (3, 4, 5)])
    assert good.run(rejects={"max": 0.2})["passed"]
    with pytest.raises(DataGateError, match="3 of 15 rows .* row 3 .*allows 10.0%"):
        good.run()


def test_a_label_of_one_row_outside_training_stops_the_run(tmp_path: Path) -> None:
    from diptych.components.data_gate.executor import DataGateError

    inputs = GateFiles(tmp_path, schema_text(), label=dict.fromkeys(range(8), "even"))
    with pytest.raises(DataGateError, match=r"one label only \(even\)[\s\S]*label 'odd' is in split 'val'.*val-1"):
        inputs.run()


def test_the_labels_of_multilabel_rows_are_told_one_by_one(tmp_path: Path) -> None:
    from diptych.components.data_gate.executor import DataGateError

    # The rows of val and test are even and odd.
    labels = {n: ("even", "rare") if n % 2 else "even" for n in range(8)}
    inputs = GateFiles(tmp_path, schema_text(), label=labels)
    with pytest.raises(DataGateError) as raised:
        inputs.run()
    messages = str(raised.value).splitlines()[1:]
    assert [line[: line.index(" but")] for line in messages] == [
        f"- label 'odd' is in split '{split}' (rows with id {split}-1)" for split in ("val", "test")
    ]
    assert inputs.run(label=LabelOptions(unknown="rare"))["passed"]


def test_the_verdict_of_a_stopped_run_is_kept_until_one_passes(good: GateFiles) -> None:
    from diptych.components.artifacts import stopped_verdict_folder
    from diptych.components.data_gate.executor import DataGateError

    good.write_account(rows=15, rejects=[make_reject(n) for n in (3, 4, 5)])
    with pytest.raises(DataGateError):
        good.run()
    kept = Path(stopped_verdict_folder(str(good.root / "verdict" / "5")))
    assert json.loads((kept / "verdict.json").read_text()) == good.verdict()
    assert good.run(rejects={"severity": "warn"})["passed"]
    assert not kept.exists()


SIZES = {"train": 400, "val": 2, "test": 2}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> GateFiles:
    """Enough rows to tell a change from chance."""
    return GateFiles(tmp_path_factory.mktemp("usual"), schema_text(), SIZES)


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> GateFiles:
    """Data that no schema objects to, with other labels and darker images than ``usual``."""
    dark = dict.fromkeys(range(0, 400, 3), 30.0)
    labels = dict.fromkeys(range(0, 400, 4), "odd")
    return GateFiles(
        tmp_path_factory.mktemp("drifted"), schema_text(), SIZES, label=labels, **{"image/brightness": dark}
    )


def test_without_accepted_data_nothing_drifts(drifted: GateFiles, tmp_path: Path) -> None:
    assert drifted.found(tmp_path) == (True, [])
    (version,) = (tmp_path / "accepted").iterdir()
    assert {path.name for path in version.iterdir()} == {"FeatureStats.pb", "profiles.json"}


def test_drift_names_feature_formula_distance_and_rows(usual: GateFiles, drifted: GateFiles, tmp_path: Path) -> None:
    assert usual.found(tmp_path) == (True, [])
    (accepted,) = (tmp_path / "accepted").glob("*/FeatureStats.pb")
    verdict = drifted.run(tmp_path)
    assert verdict["passed"]
    assert (drifted.root / "verdict/5/reference/FeatureStats.pb").read_bytes() == accepted.read_bytes()
    brightness, label = verdict["findings"]
    assert (brightness["rule"], brightness["feature"], brightness["split"]) == ("drift", "image/brightness", "train")
    assert brightness["formula"] == "Jensen-Shannon divergence"
    assert brightness["ids"] == [f"train-{n}" for n in range(0, 60, 3)]
    assert (label["rule"], label["feature"], label["formula"]) == ("drift", "label", "L-infinity distance")
    # Of 400 rows, 200 are odd in the accepted data and 300 in the drifted ones.
    assert label["measured"] == 0.25
    assert label["ids"] == [f"train-{n}" for n in range(40) if n % 4 != 2][:20]
    assert "feature 'label' drifted: L-infinity distance of 'odd' 0.250 from the last accepted data" in label["message"]
    assert "gate.drift.max_distance allows 0.1" in label["message"]


def test_drift_stops_warns_or_is_ignored(usual: GateFiles, drifted: GateFiles, tmp_path: Path) -> None:
    from diptych.components.data_gate.executor import DataGateError

    usual.run(tmp_path)
    with pytest.raises(DataGateError, match="feature 'label' drifted"):
        drifted.run(tmp_path, drift={"severity": "stop"})
    # Data that stopped the run are not accepted.
    assert len(drifted.run(tmp_path, drift={"severity": "warn"})["findings"]) == 2
    # Data that only caused a warning are accepted.
    assert drifted.run(tmp_path, drift={"severity": "stop"})["findings"] == []
    assert usual.run(tmp_path, drift={"severity": "ignore"})["findings"] == []


def test_a_comparator_of_the_schema_wins_over_the_settings(
    drifted: GateFiles, usual: GateFiles, tmp_path: Path
) -> None:
    usual.run(tmp_path)
    path = drifted.root / "schema" / "schema.pbtxt"
    text = path.read_text()
    path.write_text(text.replace('"label"', '"label" drift_comparator { infinity_norm { threshold: 0.9 } }'))
    try:
        (brightness,) = drifted.run(tmp_path)["findings"]
    finally:
        path.write_text(text)
    assert brightness["feature"] == "image/brightness"


def test_the_same_data_are_kept_once_and_a_stopped_run_keeps_none(
    usual: GateFiles, drifted: GateFiles, tmp_path: Path
) -> None:
    from diptych.components.data_gate.executor import DataGateError

    def kept() -> int:
        return len(list((tmp_path / "accepted").iterdir()))

    usual.run(tmp_path)
    usual.run(tmp_path)
    assert kept() == 1
    with pytest.raises(DataGateError):
        drifted.run(tmp_path, drift={"severity": "stop"})
    assert kept() == 1
    drifted.run(tmp_path)
    assert kept() == 2
