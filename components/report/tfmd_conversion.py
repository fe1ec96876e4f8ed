"""Converts messages of TensorFlow Metadata (statistics, anomalies, schema) to the data of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from diptych.components.report.report_data import (
    Anomaly,
    FeatureStatistics,
    HistogramBucket,
    NumericStatistics,
    SchemaFeature,
    StringStatistics,
)
from diptych.models.counts import pluralize

# The feature that an anomaly of a split as a whole is reported for.
_WHOLE_SPLIT = "dataset"
_MAX_VALUES_NAMED = 12


def convert_statistics(message: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, FeatureStatistics]:
    """Feature to its statistics, from the message about one split."""
    return {
        ".".join(feature.path.step) or feature.name: _convert_feature(feature)
        for dataset in message.datasets
        for feature in dataset.features
    }


def _convert_feature(feature: statistics_pb2.FeatureNameStatistics) -> FeatureStatistics:
    kind = feature.WhichOneof("stats")
    if kind is None:
        return FeatureStatistics(0, 0)
    stats = getattr(feature, kind)
    return FeatureStatistics(
        count=int(stats.common_stats.num_non_missing),
        missing=int(stats.common_stats.num_missing),
        numbers=_convert_numbers(stats) if kind == "num_stats" else None,
        strings=_convert_strings(stats) if kind == "string_stats" else None,
    )


def _convert_numbers(stats: statistics_pb2.NumericStatistics) -> NumericStatistics:
    standard = statistics_pb2.Histogram.STANDARD
    buckets = (bucket for each in stats.histograms if each.type == standard for bucket in each.buckets)
    histogram = tuple(HistogramBucket(b.low_value, b.high_value, b.sample_count) for b in buckets)
    return NumericStatistics(stats.mean, stats.std_dev, stats.min, stats.median, stats.max, histogram)


def _convert_strings(stats: statistics_pb2.StringStatistics) -> StringStatistics:
    # The rank histogram holds up to a thousand values, top_values only twenty.
    counts = {bucket.label: round(bucket.sample_count) for bucket in stats.rank_histogram.buckets}
    return StringStatistics(stats.unique, counts or {each.value: round(each.frequency) for each in stats.top_values})


def convert_anomalies(split: str, message: anomalies_pb2.Anomalies) -> Iterator[Anomaly]:
    """The anomalies of a split: first that of the split as a whole, then those of its features."""
    entries = sorted(message.anomaly_info.items())
    if message.HasField("dataset_anomaly_info"):
        entries.insert(0, (_WHOLE_SPLIT, message.dataset_anomaly_info))
    for feature, info in entries:
        severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
        yield Anomaly(split, feature, severity, info.short_description, info.description)


def convert_schema(schema: schema_pb2.Schema) -> list[SchemaFeature]:
    """The features of a schema, in its order."""
    domains = {domain.name: domain for domain in schema.string_domain}
    return [
        SchemaFeature(
            feature=feature.name,
            type=schema_pb2.FeatureType.Name(feature.type).lower(),
            presence=_describe_presence(feature),
            values=_describe_value_count(feature),
            domain=_describe_domain(feature, domains),
        )
        for feature in schema.feature
    ]


def _describe_presence(feature: schema_pb2.Feature) -> str:
    fraction, count = feature.presence.min_fraction, feature.presence.min_count
    if fraction == 1:
        return "always"
    if fraction:
        return f"in {fraction:.1%} of rows or more"
    return f"in {pluralize(count, 'row')} or more" if count else "optional"


def _describe_value_count(feature: schema_pb2.Feature) -> str:
    if feature.HasField("shape"):
        return " × ".join(str(dim.size) for dim in feature.shape.dim) or "1"
    if not feature.HasField("value_count"):
        return "any number"
    least, most = feature.value_count.min, feature.value_count.max
    if not feature.value_count.HasField("max"):
        return f"{least} or more"
    return str(least) if least == most else f"{least} to {most}"


def _describe_domain(feature: schema_pb2.Feature, domains: Mapping[str, schema_pb2.StringDomain]) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind is None:
        return ""
    if kind == "domain":
        return _list_values(domains[feature.domain]) if feature.domain in domains else feature.domain
    if kind == "string_domain":
        return _list_values(feature.string_domain)
    if kind in ("int_domain", "float_domain"):
        return _describe_range(getattr(feature, kind))
    return str(kind).replace("_", " ")


def _list_values(domain: schema_pb2.StringDomain) -> str:
    values = list(domain.value)
    more = f", and {len(values) - _MAX_VALUES_NAMED:,} more" if len(values) > _MAX_VALUES_NAMED else ""
    return ", ".join(values[:_MAX_VALUES_NAMED]) + more


def _describe_range(domain: schema_pb2.IntDomain | schema_pb2.FloatDomain) -> str:
    least = f"{domain.min:,g}" if domain.HasField("min") else ""
    most = f"{domain.max:,g}" if domain.HasField("max") else ""
    if least and most:
        return f"{least} to {most}"
    if least or most:
        return f"{least} or more" if least else f"{most} or less"
    return "any number"
