"""Proposes a schema by the statistics of the data: presence, shapes, domains, ranges and thresholds of its features."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diptych.components.data_gate.options import GateOptions
from diptych.models import features
from diptych.models.labels import Task
from diptych.models.natural_order import natural_key

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

_TRAINING, _SERVING = "TRAINING", "SERVING"

# The smallest and the largest value that a numeric feature can have.
_BOUNDS: dict[str, tuple[float, float]] = {
    features.WIDTH: (1, math.inf),
    features.HEIGHT: (1, math.inf),
    features.FILE_BYTES: (1, math.inf),
    features.BRIGHTNESS: (0, 255),
    features.CONTRAST: (0, 127.5),
    features.SHARPNESS: (0, math.inf),
    features.ENTROPY: (0, 8),
}
# The proposed range of sizes is wider than the one seen by a factor, for a size may as well double as halve. The range
# of other features is wider by a share of its own width at both ends.
_SIZE_FEATURES = (features.WIDTH, features.HEIGHT, features.FILE_BYTES)
_SIZE_FACTOR = 4
_MARGIN = 0.5

# Features with few different values, which the schema lists.
_CATEGORICAL = (features.LABEL, features.FORMAT, features.ENCODING)
_ABSENT_WHEN_SERVING = (features.LABEL, features.GROUP)


def propose_schema(
    statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList], task: Task, gate: GateOptions
) -> schema_pb2.Schema:
    """Proposes a schema of every feature of the record, but of the description only if it has statistics.

    Args:
        statistics: the statistics of each split.
        task: for ``multilabel``, a record may have several labels.
        gate: the options that give the thresholds of the drift and skew comparators.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    seen: dict[str, list[statistics_pb2.FeatureNameStatistics]] = {name: [] for name in features.STATISTICS_FEATURES}
    for of_split in statistics:
        for dataset in of_split.datasets:
            for feature in dataset.features:
                seen.setdefault(".".join(feature.path.step), []).append(feature)
    schema = schema_pb2.Schema(default_environment=[_TRAINING, _SERVING])
    for name in features.STATISTICS_FEATURES:
        if name == features.DESCRIPTION and not seen[name]:
            # A dataset of images alone: a record with a description would be an anomaly.
            continue
        feature = schema.feature.add()
        feature.CopyFrom(_propose_feature(name, seen[name], task))
        _add_comparators(feature, gate)
    return schema


def _propose_feature(name: str, seen: Sequence[statistics_pb2.FeatureNameStatistics], task: Task) -> schema_pb2.Feature:
    from tensorflow_metadata.proto.v0 import schema_pb2

    kinds = {"bytes": schema_pb2.BYTES, "int64": schema_pb2.INT, "float": schema_pb2.FLOAT}
    feature = schema_pb2.Feature(name=name, type=kinds[features.RECORD_FEATURES[name].kind])
    if _is_in_every_record(name, seen):
        feature.presence.min_fraction = 1
        feature.presence.min_count = 1
    if features.RECORD_FEATURES[name].repeated and task == "multilabel":
        feature.value_count.min = 1
    elif _is_in_every_record(name, seen):
        # A feature without a shape is parsed as a sparse tensor.
        feature.shape.dim.add(size=1)
    else:
        feature.value_count.max = 1
    if name in _ABSENT_WHEN_SERVING:
        feature.not_in_environment.append(_SERVING)
    if name in _BOUNDS and seen:
        _add_range(feature, seen)
    if name in _CATEGORICAL:
        feature.string_domain.value.extend(_distinct_values(seen))
        if not feature.string_domain.value:
            feature.ClearField("string_domain")
    return feature


def _is_in_every_record(name: str, seen: Sequence[statistics_pb2.FeatureNameStatistics]) -> bool:
    if features.RECORD_FEATURES[name].required:
        return True
    return bool(seen) and all(_stats(feature).common_stats.num_missing == 0 for feature in seen)


def _stats(feature: statistics_pb2.FeatureNameStatistics) -> Any:
    return getattr(feature, feature.WhichOneof("stats"))


def _distinct_values(seen: Iterable[statistics_pb2.FeatureNameStatistics]) -> list[str]:
    """The distinct values, in natural order; empty if there are more than the statistics list."""
    found: set[str] = set()
    for feature in seen:
        named = {bucket.label for bucket in feature.string_stats.rank_histogram.buckets}
        if len(named) < feature.string_stats.unique:
            return []
        found |= named
    return sorted(found, key=natural_key)


def _add_range(feature: schema_pb2.Feature, seen: Iterable[statistics_pb2.FeatureNameStatistics]) -> None:
    stats = [each.num_stats for each in seen if each.num_stats.common_stats.num_non_missing]
    if not stats:
        return
    low, high = min(each.min for each in stats), max(each.max for each in stats)
    if feature.name in _SIZE_FEATURES:
        low, high = low / _SIZE_FACTOR, high * _SIZE_FACTOR
    else:
        margin = _MARGIN * (high - low)
        low, high = low - margin, high + margin
    least, most = _BOUNDS[feature.name]
    low, high = max(math.floor(low), least), min(math.ceil(high), most)
    if features.RECORD_FEATURES[feature.name].kind == "int64":
        feature.int_domain.min, feature.int_domain.max = int(low), int(high)
    else:
        feature.float_domain.min, feature.float_domain.max = low, high


def _add_comparators(feature: schema_pb2.Feature, gate: GateOptions) -> None:
    for comparator, rule in ((feature.drift_comparator, gate.drift), (feature.skew_comparator, gate.skew)):
        if feature.name in _BOUNDS:
            comparator.jensen_shannon_divergence.threshold = rule.max_divergence
        elif feature.name in _CATEGORICAL:
            comparator.infinity_norm.threshold = rule.max_distance


def widen_schema(
    curated: schema_pb2.Schema, statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList]
) -> schema_pb2.Schema:
    """The curated schema, relaxed where the data violate it and nowhere else."""
    import tensorflow_data_validation as tfdv

    for of_split in statistics:
        curated = tfdv.update_schema(curated, of_split)
    return curated
