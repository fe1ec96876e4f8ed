"""A proposed schema, which tests share because it takes TFDV a while."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.prepare.statistics import rows, statistics_of


@pytest.fixture(scope="session")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("statistics")
    return [statistics_of(folder / str(n), rows(numbers)) for n, numbers in enumerate((range(20), range(20, 24)))]


@pytest.fixture(scope="session")
def schema(statistics: list[Any]) -> Any:
    from diptych.components.data_gate.options import GateOptions
    from diptych.pipeline.prepare.schema_proposal import propose_schema

    return propose_schema(statistics, "multiclass", GateOptions(drift={"max_divergence": 0.5}))
