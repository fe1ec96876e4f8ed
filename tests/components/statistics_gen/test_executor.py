"""Statistics in memory are those that Beam computes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from diptych.components.statistics_gen.executor import IN_MEMORY_BYTES, StatisticsGenExecutor
from diptych.models import features
from tests.helpers import record_values

# More values than TFDV's sketch of them has room for.
SPLITS = {"train": range(1_200), "test": range(1_200, 1_205)}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import tensorflow as tf
    from tfx.types import artifact_utils, standard_artifacts

    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path_factory.mktemp("examples"))
    artifact.split_names = artifact_utils.encode_split_names(list(SPLITS))
    for split, numbers in SPLITS.items():
        folder = Path(artifact.uri) / f"Split-{split}"
        folder.mkdir()
        with tf.io.TFRecordWriter(str(folder / "data.tfrecord")) as writer:
            for number in numbers:
                writer.write(features.encode_record(record_values(number)))
    return artifact


def compute(examples: Any, folder: Path) -> dict[str, Any]:
    import tensorflow_data_validation as tfdv
    from tfx.types import standard_artifacts

    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder)
    options = tfdv.StatsOptions(feature_allowlist=list(features.STATISTICS_FEATURES))
    properties = {"stats_options_json": options.to_json()}
    StatisticsGenExecutor().Do({"examples": [examples]}, {"statistics": [statistics]}, properties)
    assert statistics.split_names == examples.split_names
    loaded = {split: tfdv.load_stats_binary(str(folder / f"Split-{split}" / "FeatureStats.pb")) for split in SPLITS}
    return {
        split: {feature.path.step[0]: feature for feature in stats.datasets[0].features}
        for split, stats in loaded.items()
    }


def figures(feature: Any) -> tuple[Any, ...]:
    """The statistics of a feature that are the same by either way."""
    kind = feature.WhichOneof("stats")
    stats = getattr(feature, kind)
    common = stats.common_stats
    counted = (feature.type, kind, common.num_non_missing, common.num_missing, common.min_num_values)
    if kind == "num_stats":
        return (*counted, stats.min, stats.max, stats.num_zeros)
    top_values = [(top.value, top.frequency) for top in stats.top_values]
    ranks = [(bucket.label, bucket.sample_count) for bucket in stats.rank_histogram.buckets]
    return (*counted, stats.unique, top_values, ranks)


def sums(feature: Any) -> list[float]:
    """Those that are added up in another order."""
    if feature.WhichOneof("stats") == "num_stats":
        return [feature.num_stats.mean, feature.num_stats.std_dev]
    return [feature.string_stats.avg_length]


def quantiles(feature: Any) -> list[float]:
    """Those that are approximate, as shares of the range of values."""
    stats = feature.num_stats
    histograms = [one for one in stats.histograms if one.type == one.QUANTILES]
    span = (stats.max - stats.min) or 1.0
    return [(bucket.high_value - stats.min) / span for one in histograms for bucket in one.buckets]


def test_both_ways_agree(examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = compute(examples, tmp_path / "memory")
    monkeypatch.setattr("diptych.components.statistics_gen.executor.IN_MEMORY_BYTES", 0)
    by_beam = compute(examples, tmp_path / "beam")
    for split in SPLITS:
        assert set(in_memory[split]) == set(by_beam[split])
        assert features.IMAGE not in in_memory[split]
        for name, feature in in_memory[split].items():
            other = by_beam[split][name]
            assert figures(feature) == figures(other), name
            assert sums(feature) == pytest.approx(sums(other), rel=1e-9), name
            # TFDV's own tolerance is 0.01 of the rank, by either way.
            assert quantiles(feature) == pytest.approx(quantiles(other), abs=0.02), name


@pytest.mark.parametrize("limit", [IN_MEMORY_BYTES, 0])
def test_a_folder_s_name_is_no_pattern(
    examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Neither are records of a folder read that the name would match, nor is anything there deleted."""
    from tfx.types import standard_artifacts

    other, own = tmp_path / "run1", tmp_path / "run[1]"
    shutil.copytree(examples.uri, other / "examples")
    shutil.copytree(examples.uri, own / "examples")
    shutil.copyfile(other / "examples/Split-train/data.tfrecord", other / "examples/Split-test/more.tfrecord")
    compute(examples, other / "statistics")
    before = {path: path.read_bytes() for path in other.rglob("*") if path.is_file()}
    artifact = standard_artifacts.Examples()
    artifact.uri, artifact.split_names = str(own / "examples"), examples.split_names
    monkeypatch.setattr("diptych.components.statistics_gen.executor.IN_MEMORY_BYTES", limit)
    (own / "statistics").mkdir()
    statistics = compute(artifact, own / "statistics")
    assert artifact.uri == str(own / "examples")
    for split, numbers in SPLITS.items():
        assert statistics[split][features.LABEL].string_stats.common_stats.num_non_missing == len(numbers)
    assert {path: path.read_bytes() for path in other.rglob("*") if path.is_file()} == before


def test_a_value_that_occurs_once_is_counted_once(examples: Any, tmp_path: Path) -> None:
    ids = compute(examples, tmp_path)["train"][features.ID].string_stats
    assert ids.unique == len(SPLITS["train"])
    assert {top.frequency for top in ids.top_values} == {1}
    assert {bucket.sample_count for bucket in ids.rank_histogram.buckets} == {1}


def test_every_record_is_counted(examples: Any, tmp_path: Path) -> None:
    statistics = compute(examples, tmp_path)
    for split, numbers in SPLITS.items():
        assert statistics[split][features.LABEL].string_stats.common_stats.num_non_missing == len(numbers)
