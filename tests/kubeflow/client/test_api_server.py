"""The tests' own API server refuses what KFP's API does not have."""

from __future__ import annotations

import pytest

from tests.kubeflow.client.api_server import ApiServer
from tests.kubeflow.client.published_api import Refusal, check_model, find_endpoint


def test_the_servers_own_checks_find_mistakes(server: ApiServer) -> None:
    for body in ({"name_of_run": "x"}, {"display_name": 3}, {"state": "DONE"}, {"runtime_config": []}):
        with pytest.raises(Refusal):
            check_model(body, "V2beta1Run", "run")
    with pytest.raises(Refusal):
        find_endpoint("GET", "/apis/v2beta1/no-such-thing")
    assert server.answer("GET", "/apis/v2beta1/healthz?verbose=1", {}, b"")[0] == 400
