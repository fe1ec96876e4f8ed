"""A KFP API server on localhost that takes only what the published API allows.

Every request and every answer is checked against ``tests.kubeflow.client.published_api``. What a model cannot say, such
as which fields belong together, follows KFP's ``backend/src/apiserver``.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import kfp_server_api
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.kubeflow.client.published_api import (
    EXISTS,
    NOT_FOUND,
    UNAUTHENTICATED,
    Endpoint,
    Refusal,
    check_model,
    deserialise,
    find_endpoint,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
# Fields that only the server sets, by model.
OUTPUT_ONLY = {
    "V2beta1Pipeline": ("pipeline_id", "created_at", "error"),
    "V2beta1Experiment": ("experiment_id", "created_at", "last_run_created_at"),
    "V2beta1Run": ("run_id", "created_at", "finished_at", "state", "error", "run_details", "state_history"),
    "V2beta1RecurringRun": ("recurring_run_id", "created_at", "updated_at", "status", "error"),
}
KINDS = {
    "NUMBER_DOUBLE": (int, float),
    "NUMBER_INTEGER": (int, float),
    "STRING": str,
    "BOOLEAN": bool,
    "LIST": list,
    "STRUCT": dict,
}


# ---- what the backend checks


def read_spec(text: bytes) -> dict[str, Any]:
    """The pipeline spec of an uploaded file, by the rules of ``NewV2SpecTemplate``."""
    spec = None
    for document in yaml.safe_load_all(text):
        if isinstance(document, dict) and "platforms" in document:
            _parse(document, pipeline_spec_pb2.PlatformSpec())
        elif document is not None:
            if spec is not None:
                raise Refusal("Invalid input error: multiple pipeline specs provided")
            spec = document
    if not isinstance(spec, dict):
        raise Refusal("Invalid input error: no pipeline spec is provided")
    message = _parse(spec, pipeline_spec_pb2.PipelineSpec())
    if message.schema_version != "2.1.0":
        version = message.schema_version
        raise Refusal(f"KFP only supports schema version 2.1.0, but the pipeline spec has version {version}")
    if not re.search(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", message.pipeline_info.name) or not message.HasField("root"):
        raise Refusal("invalid v2 pipeline spec: name or root component is empty")
    return spec


def _parse(document: Mapping[str, Any], message: Any) -> Any:
    try:
        return json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise Refusal(f"Invalid input error: invalid v2 pipeline spec: {error}") from None


def check_inputs(spec: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuses parameters as ``validatePipelineJobInputs`` does."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, parameter in declared.items():
        if name not in values:
            if not parameter.get("isOptional") and parameter.get("defaultValue") is None:
                raise Refusal(
                    f"parameter {name} is not optional, yet has neither default value nor user provided value"
                )
            continue
        value, kind = values[name], parameter["parameterType"]
        if not isinstance(value, KINDS[kind]) or isinstance(value, bool) != (kind == "BOOLEAN"):
            raise Refusal(f"input parameter {name} requires type {kind}, but the parameter value is {value!r}")
    if extra := sorted(set(values) - set(declared)):
        raise Refusal(f"parameter(s) provided are not required by pipeline: {', '.join(extra)}")


# ---- the server


@dataclass
class Request:
    """A request that the server got; ``name`` is that of the operation."""

    name: str
    path: dict[str, str]
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass
class RunSnapshot:
    """A run at one moment.

    Attributes:
        state: of the run.
        tasks: state of each task, by name; of a loop, names end with ``#`` and a number.
        errors: message of each failed task, by name; that of the run under "".
    """

    state: str
    tasks: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)


class ApiServer:
    """The server and all that it holds; as a context manager it runs in a thread.

    Attributes:
        token: if it is set, a request with another one gets 401.
        snapshots: each request for a run is answered with the next one; the last one stays.
        failures: status and body that an operation answers instead of doing anything, by its name.
        health: what else the server says of itself; the published model has not all of it.
        logs: log by pod.
        requests: all requests so far.
    """

    def __init__(self) -> None:
        self.token: str | None = None
        self.multi_user = False
        self.snapshots = [RunSnapshot("SUCCEEDED", {})]
        self.failures: dict[str, tuple[int, Any]] = {}
        self.health: dict[str, Any] = {}
        self.logs: dict[str, str] = {}
        self.requests: list[Request] = []
        self.pipelines: dict[str, Any] = {}
        self.versions: dict[str, Any] = {}
        self.experiments: dict[str, Any] = {}
        self.runs: dict[str, Any] = {}
        self.recurring_runs: dict[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ApiServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def requests_for(self, name: str) -> list[Request]:
        """The requests for one operation."""
        return [request for request in self.requests if request.name == name]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = server.answer(self.command, self.path, self.headers, body)
                is_page = isinstance(answer, str)
                data = (answer if is_page else json.dumps(answer)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if is_page else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Status and body of the answer to one request."""
        url = urlsplit(target)
        if log := re.fullmatch(r"/apis/v1alpha1/runs/([^/]+)/nodes/([^/]+)/log", url.path):
            # ReadRunLogV1 in run_log_server.go, which is no part of the published API.
            return 200, self.logs.get(log[2], "")
        try:
            endpoint, path = find_endpoint(method, url.path)
            request = Request(endpoint.name, path, _query(url.query, endpoint), headers, _body(endpoint, headers, body))
            self.requests.append(request)
            if self.token and headers.get("authorization") != f"Bearer {self.token}":
                raise Refusal("Request header error: there is no user identity header.", UNAUTHENTICATED)
            if endpoint.name in self.failures:
                return self.failures[endpoint.name]
            answer = self._perform(endpoint, request)
            return 200, answer | self.health if endpoint.name == "get_healthz" else answer
        except Refusal as refusal:
            return refusal.status, _error(refusal, uploads="/upload" in url.path)

    def _perform(self, endpoint: Endpoint, request: Request) -> Any:
        answer = getattr(self, f"_{endpoint.name}")(request)
        value = kfp_server_api.ApiClient().sanitize_for_serialization(answer)
        check_model(value, endpoint.answer, endpoint.name)
        return value

    def _get_healthz(self, _: Request) -> Any:
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=self.multi_user)

    def _list_pipelines(self, request: Request) -> Any:
        found = _with_name(self.pipelines, request)
        return kfp_server_api.V2beta1ListPipelinesResponse(pipelines=found or None, total_size=len(found))

    def _create_pipeline(self, request: Request) -> Any:
        pipeline = request.body
        if not pipeline.display_name:
            raise Refusal("name is required")
        if any(other.display_name == pipeline.display_name for other in self.pipelines.values()):
            raise Refusal(f"the name {pipeline.display_name} already exist", EXISTS)
        return self._add(self.pipelines, pipeline, "pipeline_id")

    def _upload_pipeline_version(self, request: Request) -> Any:
        name, pipeline_id = request.query.get("name"), request.query.get("pipelineid")
        if pipeline_id not in self.pipelines or not name or len(name) > 127:
            raise Refusal("Failed to create a pipeline version")
        if any(v.pipeline_id == pipeline_id and v.display_name == name for v in self.versions.values()):
            raise Refusal("Failed to create a pipeline version", EXISTS)
        version = kfp_server_api.V2beta1PipelineVersion(
            pipeline_id=pipeline_id, display_name=name, pipeline_spec=read_spec(request.body)
        )
        return self._add(self.versions, version, "pipeline_version_id")

    def _list_runs(self, request: Request) -> Any:
        return kfp_server_api.V2beta1ListRunsResponse(runs=None, total_size=0)

    def _list_experiments(self, request: Request) -> Any:
        found = _with_name(self.experiments, request)
        return kfp_server_api.V2beta1ListExperimentsResponse(experiments=found or None, total_size=len(found))

    def _create_experiment(self, request: Request) -> Any:
        if not request.body.display_name:
            raise Refusal("Experiment name is empty")
        if self.multi_user and not request.body.namespace:
            raise Refusal("An experiment cannot have an empty namespace in multi-user mode")
        return self._add(self.experiments, request.body, "experiment_id")

    def _create_run(self, request: Request) -> Any:
        self._check_run(request.body)
        return self._add(self.runs, request.body, "run_id")

    def _create_recurring_run(self, request: Request) -> Any:
        recurring = request.body
        self._check_run(recurring)
        schedules = recurring.trigger.cron_schedule, recurring.trigger.periodic_schedule
        if sum(schedule is not None for schedule in schedules) != 1:
            raise Refusal("a trigger has either a cron schedule or a periodic one")
        if schedules[0] and len(schedules[0].cron.split()) != 6 and not schedules[0].cron.startswith("@"):
            raise Refusal("Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron)")
        if not 1 <= int(recurring.max_concurrency) <= 10 or recurring.mode not in ("ENABLE", "DISABLE"):
            raise Refusal("Max concurrency must be at least 1 and at most 10, and the mode be set")
        return self._add(self.recurring_runs, recurring, "recurring_run_id")

    def _check_run(self, run: Any) -> None:
        if not run.display_name:
            raise Refusal("The run name is empty. Please specify a valid name")
        if run.experiment_id not in self.experiments:
            raise Refusal(f"Experiment {run.experiment_id} not found", NOT_FOUND)
        reference = run.pipeline_version_reference
        if reference is None or run.pipeline_spec is not None:
            raise Refusal("a run here has a pipeline version, and no spec of its own")
        version = self.versions.get(reference.pipeline_version_id)
        if version is None or version.pipeline_id != reference.pipeline_id:
            raise Refusal("PipelineVersion not found", NOT_FOUND)
        check_inputs(version.pipeline_spec, run.runtime_config.parameters or {})

    def _get_run(self, request: Request) -> Any:
        run = self.runs[request.path["run_id"]]
        snapshot = self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]
        run.state = snapshot.state
        run.error = _status(snapshot.errors.get(""))
        run.run_details = kfp_server_api.V2beta1RunDetails(
            task_details=[_task(run, name, state, snapshot) for name, state in snapshot.tasks.items()]
        )
        return run

    def _add(self, store: dict[str, Any], model: Any, key: str) -> Any:
        number = f"{key.removesuffix('_id')}-{len(store) + 1}"
        setattr(model, key, number)
        model.created_at = NOW
        store[number] = model
        return model


def _with_name(models: Mapping[str, Any], request: Request) -> list[Any]:
    """The models that a request with a namespace asks for: those of a filter "display_name EQUALS", or all.

    The filter is protobuf's JSON, in which a value of an enumeration may be its number.
    """
    namespace = request.query.get("namespace") or None
    if "filter" not in request.query:
        return [model for model in models.values() if (model.namespace or None) == namespace]
    (predicate,) = json.loads(request.query["filter"])["predicates"]
    if predicate["key"] != "display_name" or predicate["operation"] not in (1, "EQUALS"):
        raise Refusal(f"this server knows only EQUALS and display_name, not {predicate}")
    name = (predicate["stringValue"], namespace)
    return [model for model in models.values() if (model.display_name, model.namespace or None) == name]


def _query(text: str, endpoint: Endpoint) -> dict[str, str]:
    query = dict(parse_qsl(text, keep_blank_values=True))
    if unknown := set(query) - endpoint.query:
        raise Refusal(f"{endpoint.name} has no query parameter {', '.join(sorted(unknown))}")
    return query


def _body(endpoint: Endpoint, headers: Any, body: bytes) -> Any:
    """What a request sends: the file of an upload, else the published model."""
    if headers.get_content_type() == "multipart/form-data":
        content_type = f"Content-Type: {headers['Content-Type']}\r\n\r\n"
        (part,) = message_from_bytes(content_type.encode() + body).get_payload()  # type: ignore[misc]
        if part.get_param("name", header="Content-Disposition") != "uploadfile":  # type: ignore[union-attr]
            raise Refusal("Failed to read pipeline from file")
        return part.get_payload(decode=True)  # type: ignore[union-attr]
    if endpoint.body is None:
        return None
    value = json.loads(body)
    check_model(value, endpoint.body, endpoint.body)
    if ours := set(OUTPUT_ONLY.get(endpoint.body, ())) & set(value):
        raise Refusal(f"{endpoint.body}: only the server sets {', '.join(sorted(ours))}")
    return deserialise(value, endpoint.body)


def _error(refusal: Refusal, uploads: bool) -> dict[str, Any]:
    """The JSON of an error. Uploads, which are no part of the gRPC gateway, have a form of their own."""
    message = str(refusal)
    if uploads:
        return {"error_message": message, "error_details": message}
    return {"error": message, "code": refusal.code, "message": message, "details": []}


def _status(message: str | None) -> Any:
    model = getattr(kfp_server_api, kfp_server_api.V2beta1Run.openapi_types["error"])  # its name has changed
    return model(code=2, message=message) if message else None


def _task(run: Any, name: str, state: str, snapshot: RunSnapshot) -> Any:
    """The details of a task. As in KFP, the message of a failed task stands in the history of its states."""
    history = [kfp_server_api.V2beta1RuntimeStatus(NOW, state, _status(snapshot.errors.get(name)))]
    return kfp_server_api.V2beta1PipelineTaskDetail(
        run_id=run.run_id,
        task_id=f"task-{name}",
        # As of a loop, several tasks may have one name.
        display_name=name.partition("#")[0],
        state=state,
        state_history=history,
        pod_name=f"{run.run_id}-{name}".lower(),
    )
