"""Statistics are laid out by what they say."""

from __future__ import annotations

from diptych.components.report.report_data import (
    FeatureStatistics,
    HistogramBucket,
    NumericStatistics,
    StringStatistics,
)
from diptych.components.report.statistics_tables import list_plain_features, make_value_table
from tests.components.report.report_fixtures import by_split, numeric_statistics


def test_features_with_nothing_to_draw_share_a_table() -> None:
    def constant(_: int) -> FeatureStatistics:
        return FeatureStatistics(4, 0, numbers=NumericStatistics(8, 0, 8, 8, 8, (HistogramBucket(8, 8, 4),)))

    statistics = {
        "image/width": by_split(constant),
        # TFDV's sketch of many values counts some of them more than once.
        "id": by_split(lambda n: FeatureStatistics(4, 0, strings=StringStatistics(4, {f"a{n}": 3, f"b{n}": 1}))),
        "image/format": by_split(lambda n: FeatureStatistics(2, 0, strings=StringStatistics(1, {"PNG": 2}))),
        "image/phash": by_split(numeric_statistics),
        "image/brightness": by_split(numeric_statistics),
        "group": by_split(lambda n: FeatureStatistics(3, 0, strings=StringStatistics(2, {"a": 2, "b": 1}))),
        "empty": by_split(lambda n: FeatureStatistics(0, 3)),
    }
    notes = {row.feature: row.note for row in list_plain_features(statistics)}
    assert notes == {
        "image/width": "always 8",
        "id": "no value occurs twice in a split",
        "image/format": "always PNG",
        "image/phash": "a hash",
        "empty": "no value",
    }


def test_values_come_by_their_frequency_in_train() -> None:
    splits = {
        "train": FeatureStatistics(10, 0, strings=StringStatistics(2, {"a": 6, "b": 4})),
        "val": FeatureStatistics(20, 0, strings=StringStatistics(30, {"c": 15, "b": 5})),
    }
    found = make_value_table("label", splits, 2)
    assert [row.value for row in found.rows] == ["a", "b"]
    assert found.rows[0].counts == {"train": 6, "val": None}  # val has more values than TFDV counts
    assert found.left_out == 1
    assert found.largest_share == 0.6
    assert found.share(found.rows[1], "val") == 0.25
