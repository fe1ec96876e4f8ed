"""KFP's published API, read out of ``kfp_server_api``, the client that KFP generates from it.

It is the table of endpoints, their query parameters, and the models of what is sent and answered.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import kfp_server_api

INVALID, NOT_FOUND, EXISTS, UNAUTHENTICATED = (400, 3), (404, 5), (409, 6), (401, 16)  # status of HTTP, code of gRPC


# int64 is a string in JSON, and the server takes a number too, which is what kfp sends.
INT64_FIELDS = ("max_concurrency",)


class Refusal(Exception):
    """A request that the server answers with an error."""

    def __init__(self, message: str, codes: tuple[int, int] = INVALID) -> None:
        super().__init__(message)
        self.status, self.code = codes


@dataclass(frozen=True)
class Endpoint:
    """One operation of the API.

    Attributes:
        path: matches the path of the URL, with a group for each value in it.
        query: names of the query parameters.
        body: name of the model that is sent.
        answer: name of the model that is answered.
    """

    name: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    body: str | None
    answer: str


def _endpoints() -> list[Endpoint]:
    services = [getattr(kfp_server_api, name) for name in dir(kfp_server_api) if name.endswith("ServiceApi")]
    return [
        _endpoint(name.removesuffix("_with_http_info"), inspect.getsource(getattr(service, name)))
        for service in services
        for name in dir(service)
        if name.endswith("_with_http_info")
    ]


def _endpoint(name: str, source: str) -> Endpoint:
    call = re.search(r"call_api\(\s*'([^']+)', '(\w+)'", source)
    answer = re.search(r"response_type='([^']+)'", source)
    body = re.search(r"body_params = local_var_params\['(\w+)'\]", source)
    kind = re.search(rf":type {body[1]}: (\w+)", source) if body else None
    assert call
    path = re.escape(call[1]).replace(r"\{", "{").replace(r"\}", "}")
    return Endpoint(
        name=re.sub(r"^\w+_service_", "", name),
        method=call[2],
        path=re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)),
        query=frozenset(re.findall(r"query_params\.append\(\('([\w.]+)'", source)),
        body=kind[1] if kind else None,
        answer=answer[1] if answer else "object",
    )


ENDPOINTS = _endpoints()


def find_endpoint(method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
    """The operation at a path, and the values in the path. A path without values wins over one with values."""
    found = [(e, m.groupdict()) for e in ENDPOINTS if e.method == method and (m := e.path.fullmatch(path))]
    if not found:
        raise Refusal("Not Found", NOT_FOUND)
    endpoint, values = min(found, key=lambda pair: len(pair[1]))
    return endpoint, {name: unquote(value) for name, value in values.items()}


def check_model(value: Any, kind: str, where: str) -> None:
    """Checks JSON against a published type.

    Args:
        kind: name of a model, or a type as the generated client writes it, such as ``list[str]``.
        where: what the message calls the value.

    Raises:
        Refusal: it is not of that type.
    """
    if match := re.fullmatch(r"(list\[|dict\(str, )(.+)[\])]", kind):
        is_list = match[1] == "list["
        _expect(isinstance(value, list if is_list else dict), where, kind, value)
        for key, item in enumerate(value) if is_list else value.items():
            check_model(item, match[2], f"{where}.{key}")
    elif kind in ("str", "datetime"):
        _expect(isinstance(value, str), where, kind, value)
        if kind == "datetime":
            datetime.fromisoformat(value.replace("Z", "+00:00"))
    elif kind in ("int", "bool", "float"):
        _expect(type(value).__name__ == kind, where, kind, value)
    elif kind != "object":
        _check_fields(value, getattr(kfp_server_api, kind), where)


def _check_fields(value: Any, model: Any, where: str) -> None:
    if hasattr(model, "allowable_values"):
        _expect(value in model.allowable_values, where, model.__name__, value)
        return
    _expect(isinstance(value, dict), where, model.__name__, value)
    kinds = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    for key, item in value.items():
        if key not in kinds:
            raise Refusal(f"{where}: {model.__name__} has no field {key!r}")
        if not (key in INT64_FIELDS and isinstance(item, int)):
            check_model(item, kinds[key], f"{where}.{key}")


def _expect(fits: bool, where: str, kind: str, value: Any) -> None:
    if not fits:
        raise Refusal(f"{where}: {value!r} is no {kind}")


def deserialise(body: Any, kind: str) -> Any:
    """The published model of JSON, as the published client makes it."""

    class Response:
        data = json.dumps(body)

    return kfp_server_api.ApiClient().deserialize(Response, kind)
