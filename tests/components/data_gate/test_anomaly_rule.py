"""The severity of an anomaly is an option."""

from __future__ import annotations

import pytest

from diptych.components.data_gate.options import GateOptions


@pytest.mark.parametrize("kind", ["error", "warning"])
@pytest.mark.parametrize("severity", ["ignore", "warn", "stop"])
def test_each_kind_of_anomaly_has_its_severity(kind: str, severity: str) -> None:
    from diptych.components.data_gate.anomaly_rule import make_anomaly_finding

    options = GateOptions(anomaly={kind: severity})
    finding = make_anomaly_finding("val", "label", kind.upper(), "Odd: it is odd", ["7"], options)
    assert finding.severity == severity
    assert finding.message.startswith("split 'val', feature 'label': Odd: it is odd; rows with id 7")
    assert (f"gate.anomaly.{kind}" in finding.message) is (severity == "stop")
