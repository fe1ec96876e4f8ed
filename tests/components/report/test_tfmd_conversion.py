"""Messages of TensorFlow Metadata are converted to the data of the report."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from diptych.components.report.report_data import Anomaly, HistogramBucket, NumericStatistics, StringStatistics
from diptych.components.report.tfmd_conversion import convert_anomalies, convert_schema, convert_statistics
from tests.components.report.report_fixtures import statistics_message


def test_the_schema_in_words() -> None:
    schema = text_format.Parse(
        """
        feature { name: "label" type: BYTES domain: "names" presence { min_fraction: 1 min_count: 1 }
                  shape { dim { size: 1 } } }
        feature { name: "group" type: BYTES presence { min_count: 3 } value_count { min: 0 max: 1 } }
        feature { name: "level" type: FLOAT presence { min_fraction: 0.95 } float_domain { min: 10 max: 250 } }
        feature { name: "width" type: INT int_domain { min: 1000 } value_count { min: 1 } }
        string_domain { name: "names" value: "a" value: "b" }
        """,
        schema_pb2.Schema(),
    )
    assert [tuple(vars(row).values()) for row in convert_schema(schema)] == [
        ("label", "bytes", "always", "1", "a, b"),
        ("group", "bytes", "in 3 rows or more", "0 to 1", ""),
        ("level", "float", "in 95.0% of rows or more", "any number", "10 to 250"),
        ("width", "int", "optional", "1 or more", "1,000 or more"),
    ]


def test_statistics_and_anomalies_of_tfdv() -> None:
    found = convert_statistics(statistics_message())
    assert found["image/brightness"].numbers == NumericStatistics(
        5.0, 1.0, 2.0, 5.5, 9.0, (HistogramBucket(2.0, 9.0, 4.0),)
    )
    assert (found["image/brightness"].count, found["image/brightness"].missing) == (4, 2)
    assert found["label"].strings == StringStatistics(2, {"odd": 3, "even": 3})
    assert found["group"].strings == StringStatistics(1, {"a": 6})
    message = text_format.Parse(
        """
        anomaly_info { key: "label" value { severity: ERROR short_description: "New" description: "'x' is new" } }
        dataset_anomaly_info { severity: WARNING short_description: "Few" }
        """,
        anomalies_pb2.Anomalies(),
    )
    assert list(convert_anomalies("val", message)) == [
        Anomaly("val", "dataset", "WARNING", "Few", ""),
        Anomaly("val", "label", "ERROR", "New", "'x' is new"),
    ]
