"""Statistics of generated records, and the anomalies that TFDV finds in them with a schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diptych.models import features
from tests.helpers import record_values, write_records


def statistics_of(path: Path, records: Iterable[Mapping[str, Any]]) -> Any:
    import tensorflow_data_validation as tfdv

    from diptych.components.statistics_gen.executor import compute_statistics

    file = str(write_records(path, records))
    return compute_statistics([file], tfdv.StatsOptions(feature_allowlist=list(features.STATISTICS_FEATURES)))


def rows(numbers: range, **changes: Any) -> list[dict[str, Any]]:
    return [record_values(n, **{"image/brightness": 100.0 + n, **changes}) for n in numbers]


def by_name(schema: Any) -> dict[str, Any]:
    return {feature.name: feature for feature in schema.feature}


def anomalies(statistics: Any, schema: Any, environment: str | None = None) -> dict[str, str]:
    import tensorflow_data_validation as tfdv

    found = tfdv.validate_statistics(statistics, schema, environment=environment)
    return {feature: info.short_description for feature, info in found.anomaly_info.items()}
