"""A proposed schema suits the data it was made of, objects to others, and says what a change of it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from diptych.components.data_gate.options import GateOptions
from diptych.models import features
from diptych.pipeline.prepare.schema import (
    SchemaError,
    difference,
    propose,
    propose_schema,
    propose_update,
    render,
    update_schema,
    write,
)
from diptych.pipeline.settings import check_settings
from tests.helpers import record_values, write_catalogue, write_image, write_records


def statistics_of(path: Path, records: Iterable[Mapping[str, Any]]) -> Any:
    import tensorflow_data_validation as tfdv

    from diptych.components.statistics_gen.executor import _compute

    file = str(write_records(path, records))
    return _compute([file], tfdv.StatsOptions(feature_allowlist=list(features.STATISTICS_FEATURES)))


def rows(numbers: range, **changes: Any) -> list[dict[str, Any]]:
    return [record_values(n, **{"image/brightness": 100.0 + n, **changes}) for n in numbers]


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("statistics")
    return [statistics_of(folder / str(n), rows(numbers)) for n, numbers in enumerate((range(20), range(20, 24)))]


@pytest.fixture(scope="module")
def schema(statistics: list[Any]) -> Any:
    return propose_schema(statistics, "multiclass", GateOptions(drift={"max_divergence": 0.5}))


def by_name(schema: Any) -> dict[str, Any]:
    return {feature.name: feature for feature in schema.feature}


def anomalies(statistics: Any, schema: Any, environment: str | None = None) -> dict[str, str]:
    import tensorflow_data_validation as tfdv

    found = tfdv.validate_statistics(statistics, schema, environment=environment)
    return {feature: info.short_description for feature, info in found.anomaly_info.items()}


def test_the_data_that_a_schema_is_made_of_have_no_anomaly(statistics: list[Any], schema: Any) -> None:
    assert [anomalies(each, schema) for each in statistics] == [{}, {}]
    assert [anomalies(each, schema, "TRAINING") for each in statistics] == [{}, {}]


def test_a_label_is_not_there_when_serving(statistics: list[Any], schema: Any, tmp_path: Path) -> None:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    served = statistics_pb2.DatasetFeatureStatisticsList()
    served.CopyFrom(statistics[0])
    kept = [each for each in served.datasets[0].features if each.path.step[0] != features.LABEL]
    del served.datasets[0].features[:]
    served.datasets[0].features.extend(kept)
    assert anomalies(served, schema, "SERVING") == {}
    assert anomalies(served, schema, "TRAINING") == {"label": "Column dropped"}


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("label", "evne"),
        ("image/format", "WEBP"),
        ("image/encoding", "png"),
        ("image/brightness", 3.0),
        ("image/width", 4000),
        ("image/file_bytes", 1),
    ],
)
def test_a_value_beyond_domain_or_range_is_an_anomaly(schema: Any, tmp_path: Path, feature: str, value: Any) -> None:
    changed = statistics_of(tmp_path / "data", [*rows(range(8)), *rows(range(8, 9), **{feature: value})])
    assert list(anomalies(changed, schema)) == [feature]


def test_a_feature_that_some_rows_lack_is_an_anomaly_unless_it_is_optional(schema: Any, tmp_path: Path) -> None:
    grouped = statistics_of(tmp_path / "data", [*rows(range(4)), *rows(range(4, 8), group="g")])
    assert anomalies(grouped, schema) == {}
    assert "group" not in anomalies(grouped, propose_schema([grouped], "multiclass", GateOptions()))


def test_nothing_required_arrives_sparse(schema: Any) -> None:
    found = by_name(schema)
    assert list(found) == list(features.STATISTICS_FEATURES)
    for name, feature in found.items():
        assert feature.HasField("shape") is features.RECORD_FEATURES[name].required
        assert (feature.presence.min_fraction == 1) is features.RECORD_FEATURES[name].required


def test_a_group_that_every_row_has_is_dense(tmp_path: Path) -> None:
    grouped = statistics_of(tmp_path / "data", rows(range(4), group="g"))
    group = by_name(propose_schema([grouped], "multiclass", GateOptions()))["group"]
    assert group.presence.min_fraction == 1
    assert [dim.size for dim in group.shape.dim] == [1]


def test_rows_of_several_labels_have_one_or_more(tmp_path: Path) -> None:
    found = statistics_of(tmp_path / "data", rows(range(4), label=("a", "b")))
    schema = propose_schema([found], "multilabel", GateOptions())
    assert by_name(schema)["label"].value_count.min == 1
    assert not by_name(schema)["label"].HasField("shape")
    assert anomalies(found, schema) == {}


def test_ranges_are_wider_than_what_was_seen_but_no_wider_than_what_can_be(schema: Any) -> None:
    brightness, contrast = by_name(schema)["image/brightness"], by_name(schema)["image/contrast"]
    # Seen: 100 to 123.
    assert (brightness.float_domain.min, brightness.float_domain.max) == (88, 135)
    assert contrast.float_domain.max <= 127.5
    width = by_name(schema)["image/width"].int_domain
    assert (width.min, width.max) == (2, 40)


def test_comparators_begin_with_the_gates_thresholds(schema: Any) -> None:
    brightness = by_name(schema)["image/brightness"]
    assert brightness.drift_comparator.jensen_shannon_divergence.threshold == 0.5
    assert brightness.skew_comparator.jensen_shannon_divergence.threshold == GateOptions().skew.max_divergence
    assert by_name(schema)["label"].drift_comparator.infinity_norm.threshold == GateOptions().drift.max_distance


def test_a_label_domain_that_statistics_do_not_name_whole_is_left_out(tmp_path: Path) -> None:
    found = statistics_of(tmp_path / "data", [record_values(n, label=f"label {n}") for n in range(1100)])
    assert not by_name(propose_schema([found], "multiclass", GateOptions()))["label"].HasField("string_domain")


def test_what_is_rendered_reads_back_and_comments_each_feature(schema: Any) -> None:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    text = render(schema)
    assert text_format.Parse(text, schema_pb2.Schema()) == schema
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line == "feature {"]
    assert len(starts) == len(features.STATISTICS_FEATURES)
    assert all(lines[number - 1].startswith("# ") for number in starts)


def test_an_update_gives_way_to_the_data_and_keeps_the_rest(schema: Any, tmp_path: Path) -> None:
    curated = type(schema)()
    curated.CopyFrom(schema)
    by_name(curated)["image/contrast"].float_domain.min = 25
    found = statistics_of(tmp_path / "data", [*rows(range(8)), *rows(range(8, 9), label="third")])
    lines = difference(render(curated), render(update_schema(curated, [found])))
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert changed == ['+    value: "third"']


def test_equal_schemas_do_not_differ(schema: Any) -> None:
    assert difference(render(schema), render(schema)) == []


def settings_of(folder: Path, **data: Any) -> Any:
    for n in range(30):
        write_image(folder / f"{n}.png", n)
    table = [{"image": f"{n}.png", "description": f"text {n}", "label": "ab"[n % 2]} for n in range(30)]
    options = write_catalogue(folder, table)
    return check_settings({"data": {"catalogue": options.catalogue, **data}, "name": "small"}, "test")


def test_a_schema_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "schema.pbtxt").write_text("mine")
    with pytest.raises(SchemaError, match="exists: name another file"):
        propose(settings_of(tmp_path), str(tmp_path / "run"), str(tmp_path / "schema.pbtxt"))
    assert not (tmp_path / "run").exists()


def test_an_update_needs_a_curated_schema(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="names none"):
        propose_update(settings_of(tmp_path), str(tmp_path / "run"))
    (tmp_path / "schema.pbtxt").write_text("feature { nonsense }")
    with pytest.raises(SchemaError, match="is no schema"):
        propose_update(settings_of(tmp_path, schema_file=str(tmp_path / "schema.pbtxt")), str(tmp_path / "run"))


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="cannot write"):
        write("", str(tmp_path / "nowhere" / "schema.pbtxt"))


def test_a_catalogue_becomes_a_schema_that_suits_it(tmp_path: Path) -> None:
    settings, run, output = settings_of(tmp_path), str(tmp_path / "run"), tmp_path / "schema.pbtxt"
    propose(settings, run, str(output))
    text = output.read_text()
    assert 'value: "a"\n    value: "b"' in text
    old, new = propose_update(settings_of(tmp_path, schema_file=str(output)), run)
    assert old == text
    assert difference(old, new) == []
    # What was ingested for the proposal served the update.
    assert len(list((Path(run) / "artifacts" / "ImageTextExampleGen" / "examples").iterdir())) == 1
