"""A proposed schema fits the data that it is made of, and finds anomalies in others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.components.data_gate.options import GateOptions
from diptych.models import features
from diptych.pipeline.prepare.schema_proposal import propose_schema
from tests.helpers import record_values
from tests.pipeline.prepare.statistics import anomalies, by_name, rows, statistics_of


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
        assert feature.HasField("shape") is (name != features.GROUP)
        assert (feature.presence.min_fraction == 1) is (name != features.GROUP)


def test_of_images_alone_a_description_is_an_anomaly(tmp_path: Path) -> None:
    alone = statistics_of(tmp_path / "alone", rows(range(8), **{features.DESCRIPTION: None}))
    proposed = propose_schema([alone], "multiclass", GateOptions())
    assert set(by_name(proposed)) == set(features.STATISTICS_FEATURES) - {features.DESCRIPTION}
    assert anomalies(alone, proposed) == {}
    with_texts = statistics_of(tmp_path / "texts", rows(range(8)))
    assert anomalies(with_texts, proposed) == {"description": "New column"}


def test_an_empty_description_is_there(schema: Any, tmp_path: Path) -> None:
    some_empty = statistics_of(tmp_path / "data", [*rows(range(7)), *rows(range(7, 8), **{features.DESCRIPTION: ""})])
    assert anomalies(some_empty, schema) == {}


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
