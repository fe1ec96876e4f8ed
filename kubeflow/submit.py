"""Submits the pipeline to Kubeflow Pipelines and follows its run; for Vertex AI it only writes down the call."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pipeline.settings import Settings

POLL_SECONDS = 5.0
# To connect, and to read. Without them urllib3 would wait for ever; it tries three times more by itself.
TIME_LIMITS = (5.0, 60.0)
# Before each new attempt to hear of a run: a cluster's gateway may restart while a model trains.
RETRY_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)

# What the generated API is asked: the service it belongs to, and what that is about.
_REQUESTS = {
    "get_healthz": ("healthzs", "the health check"),
    "get_pipeline_by_name": ("pipelines", "the search for the pipeline"),
    "create_pipeline": ("pipelines", "the pipeline"),
    "upload_pipeline_version": ("pipeline_uploads", "the pipeline's new version"),
    "list_experiments": ("experiments", "the search for the experiment"),
    "create_experiment": ("experiments", "the experiment"),
    "create_run": ("runs", "the run"),
    "create_recurring_run": ("recurring_runs", "the recurring run"),
    "get_run": ("runs", "the question after the run"),
}
_SUCCEEDED, _FAILED = "SUCCEEDED", "FAILED"
_ENDS = (_SUCCEEDED, _FAILED, "SKIPPED", "CANCELED")
_PASSING = (None, 401, 429, 500, 502, 503, 504)

_PARSERS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "NUMBER_INTEGER": int,
    "INT": int,
    "NUMBER_DOUBLE": float,
    "DOUBLE": float,
    "BOOLEAN": {"true": True, "false": False}.__getitem__,
    "LIST": json.loads,
    "STRUCT": json.loads,
}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON_FIELDS: tuple[tuple[str, int, int, Sequence[str]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_CRON_NAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


class SubmitError(RuntimeError):
    """The pipeline was not submitted, or its run did not succeed; the message says what to do.

    Attributes:
        status: of HTTP, where there was an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Order:
    """What the command line asks for; the fields bear the names of its options."""

    host: str | None = None
    namespace: str | None = None
    experiment: str | None = None
    run_name: str | None = None
    params: Sequence[tuple[str, str]] = ()
    pipeline_root: str | None = None
    no_cache: bool = False
    wait: bool = False
    recurring: str | None = None
    target: str = "kfp"
    existing_token_file: str | None = None
    cookies_file: str | None = None


# ---- the command line's values


def http_url(text: str) -> str:
    """The value of ``--host``, without a slash at its end."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", text):
        raise argparse.ArgumentTypeError("it must be an http:// or https:// URL, for example http://localhost:8080")
    if "@" in parts.netloc:
        raise argparse.ArgumentTypeError("leave user and password out of it; --existing-token-file holds a secret")
    if parts.query or parts.fragment:
        raise argparse.ArgumentTypeError("leave out what follows '?' or '#'")
    return text.rstrip("/")


def key_and_value(text: str) -> tuple[str, str]:
    """The value of ``--param``."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError("write it as NAME=VALUE")
    return key, value


def cron(text: str) -> str:
    """The value of ``--recurring`` with the six fields that KFP reads, the first of them seconds."""
    fields = text.split()
    if text.strip() in _CRON_NAMES:
        return text.strip()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise argparse.ArgumentTypeError(
            f"'{text}' has {len(fields)} fields; cron has 5 (minute, hour, day, month, day of the week), "
            "or 6 with seconds first"
        )
    for field, (name, low, high, names) in zip(fields, _CRON_FIELDS, strict=True):
        if not all(_fits(part, low, high, names) for part in field.split(",")):
            raise argparse.ArgumentTypeError(f"'{text}': '{field}' is no {name}; it goes from {low} to {high}")
    return " ".join(fields)


def _fits(part: str, low: int, high: int, names: Sequence[str]) -> bool:
    """Whether KFP's parser takes one part of a field, such as ``*/5`` or ``mon-fri``."""
    match = re.fullmatch(r"(?:[*?]|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
    if match is None or match[3] is not None and int(match[3]) == 0:
        return False
    ends = [_number(end, low, names) for end in (match[1], match[2]) if end is not None]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)


def _number(text: str, low: int, names: Sequence[str]) -> int:
    if text.lower() in names:
        return low + list(names).index(text.lower())
    return int(text) if text.isdecimal() and text.isascii() else -1


# ---- the command


def submit(settings: Settings, order: Order) -> int:
    """Does what the order says and returns the command's exit code.

    Raises:
        SettingsError: the order does not fit the pipeline.
        SubmitError: everything else that a person can mend.
    """
    if order.target == "vertex":
        _say(vertex_call(settings, order))
        return 0
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        return _submit_to_kfp(settings, order, os.path.join(folder, f"{settings.name}.yaml"))


def _submit_to_kfp(settings: Settings, order: Order, path: str) -> int:
    server = Server(order)  # before the compiler, which takes its time
    tasks = _compile(settings, path)
    if order.no_cache:
        disable_cache(path)
    parameters = read_parameters(_load(path), order.params)
    version = upload(server, settings.name, path)
    _say(f"Pipeline {settings.name}, version {version.display_name}")
    experiment_id = find_experiment(server, order.experiment or default_experiment(settings.name))
    body = {
        "display_name": order.run_name or f"{settings.name} {version.display_name}",
        "experiment_id": experiment_id,
        "pipeline_version_reference": server.model(
            "V2beta1PipelineVersionReference",
            pipeline_id=version.pipeline_id,
            pipeline_version_id=version.pipeline_version_id,
        ),
        "runtime_config": server.model(
            "V2beta1RuntimeConfig", parameters=parameters, pipeline_root=order.pipeline_root
        ),
    }
    if order.recurring:
        _say(start_recurring_run(server, body, order.recurring))
        return 0
    run = server.ask("create_run", server.model("V2beta1Run", **body))
    link = server.link(f"runs/details/{run.run_id}")
    _say(f"Run: {link}")
    if order.wait:
        follow(server, run.run_id, tasks, link)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # whoever waits reads along


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the warnings and log lines of kfp and urllib3 away.

    What kfp prints stays, which is only how to sign in to Google in a browser.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disabled = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


# ---- the pipeline spec


def _compile(settings: Settings, path: str, **options: Any) -> list[str]:
    from kubeflow import compiler
    from pipeline.capture import captured_output

    with captured_output(os.devnull):
        return list(compiler.compile_pipeline(settings, path, **options))


def _load(path: str) -> dict[str, Any]:
    """The pipeline spec; a platform spec may follow it in the file."""
    import yaml

    with open(path, encoding="utf-8") as file:
        return dict(next(yaml.safe_load_all(file)))


def disable_cache(path: str) -> None:
    """Makes every task run.

    It has to stand in the spec: KFP's runs have no such switch for an uploaded pipeline.
    """
    import yaml

    with open(path, encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    spec = documents[0]
    for component in (spec["root"], *spec.get("components", {}).values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {"enableCache": False}
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump_all(documents, file, sort_keys=False)


def read_parameters(spec: Mapping[str, Any], params: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of ``--param``, in the types that the pipeline declares.

    Raises:
        SettingsError: there is no such parameter, its value has another type, or a required one is missing.
    """
    from pipeline.settings import SettingsError

    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    values = {}
    for name, text in params:
        if name not in declared:
            raise SettingsError(f"--param {name}: the pipeline's parameters are: {', '.join(declared) or 'none'}")
        values[name] = _read_parameter(name, text, declared[name])
    for name, parameter in declared.items():
        if name not in values and not parameter.get("isOptional") and "defaultValue" not in parameter:
            raise SettingsError(f"the pipeline needs a value: --param {name}=VALUE")
    return values


def _read_parameter(name: str, text: str, declared: Mapping[str, Any]) -> Any:
    from pipeline.settings import SettingsError

    kind = declared.get("parameterType") or declared.get("type") or "STRING"  # the latter in schema version 2.0.0
    with suppress(ValueError, KeyError):
        value = _PARSERS[kind](text)
        if isinstance(value, {"LIST": list, "STRUCT": dict}.get(kind, object)):
            return value
    raise SettingsError(f"--param {name}={text}: its type is {kind}")


# ---- talking to the server


class Server:
    """KFP's API at one address, as ``kfp.Client`` signs in to it. Whatever goes wrong is a ``SubmitError``."""

    def __init__(self, order: Order) -> None:
        from pipeline.settings import SettingsError

        if not order.host:
            raise SettingsError("--host is missing: give KFP's URL, or set KF_PIPELINES_ENDPOINT")
        self.host = order.host
        self._order = order
        self.connect()

    def connect(self) -> None:
        """Signs in with what token and cookie files hold now, and makes sure that KFP answers."""
        token = _read_secret("--existing-token-file", self._order.existing_token_file)
        cookies = _read_secret("--cookies-file", self._order.cookies_file)
        self._secrets = [secret for secret in (token, cookies) if secret]
        with self._clear_errors("get_healthz"):
            self._client = _make_client(self._order, token, cookies)
            health = self._client.get_kfp_healthz()
        self.namespace = self._order.namespace or self._client.get_user_namespace() or None
        if health.multi_user and not self.namespace:
            raise SubmitError(f"{self.host} serves several users: name your namespace with --namespace")

    def ask(self, request: str, *args: Any, **options: Any) -> Any:
        """Sends one request of the generated API."""
        with self._clear_errors(request):
            return _method(self._client, request)(*args, **options, _request_timeout=TIME_LIMITS)

    def model(self, name: str, **values: Any) -> Any:
        """A model of the published API."""
        return getattr(self._client.api_models, name)(**values)

    def link(self, place: str) -> str:
        """The address of a page of KFP's user interface."""
        front = os.environ.get("KF_PIPELINES_UI_ENDPOINT") or self.host
        front = front if front.startswith(("http://", "https://")) else f"http://{front}"
        return f"{front.rstrip('/')}/#/{place}"

    @contextmanager
    def _clear_errors(self, request: str) -> Iterator[None]:
        from kfp_server_api import ApiException
        from urllib3.exceptions import HTTPError  # type: ignore[import-untyped]

        try:
            yield
        except ApiException as error:
            message = self._explain(request, int(error.status or 0), _server_message(error))
            raise SubmitError(self._hide_secrets(message), error.status or None) from None
        except HTTPError as error:
            raise SubmitError(self._hide_secrets(f"{self.host}: {_connection_problem(error)}")) from None

    def _explain(self, request: str, status: int, message: str) -> str:
        about = _REQUESTS[request][1]
        said = f"; it says: {message}" if message else ""
        if status == 0:
            return f"cannot talk to {self.host}: {message}"
        if status == 401:
            return (
                f"{self.host} knows no such user (401): the token or cookie is missing, wrong or out of date; "
                f"give a fresh one with --existing-token-file or --cookies-file{said}"
            )
        if status == 403:
            return (
                f"{self.host} does not allow {about} (403); have the rights given to you, "
                f"or name another --namespace or token{said}"
            )
        if status == 404 and request == "get_healthz":
            return (
                f"there is no KFP API at {self.host} (404): --host must be the address below which "
                "/apis/v2beta1/healthz answers; Kubeflow often has it at https://HOST/pipeline"
            )
        if status == 409:
            return f"{about} is there already (409), perhaps another submission made it just now: submit again{said}"
        if status >= 500 or status == 429:
            return f"{self.host} has trouble with {about} ({status}): try again later, and see the server's log{said}"
        return f"{self.host} rejects {about} ({status}){said or ' without a word: see the log of ml-pipeline'}"

    def _hide_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _read_secret(option: str, path: str | None) -> str | None:
    from pipeline.settings import SettingsError

    if path is None:
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read().strip()
    except OSError as error:
        raise SettingsError(f"{option} {path}: {error.strerror}") from None
    if not text or not text.isascii() or not text.isprintable():
        # The HTTP client would show the whole header in its own complaint.
        raise SettingsError(f"{option} {path}: the file must hold one line of plain characters")
    return text


def _make_client(order: Order, token: str | None, cookies: str | None) -> Any:
    import kfp
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    class Client(kfp.Client):
        def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
            """Asks once; kfp asks five times, 5 s apart, and hides the answer."""
            ask = _method(self, "get_healthz")
            health = ask(_request_timeout=TIME_LIMITS)
            _assert_json(ask.__self__.api_client.last_response.data)
            return health

    options = {"namespace": order.namespace} if order.namespace else {}
    try:
        return Client(
            host=order.host,
            existing_token=token,
            cookies=cookies,
            credentials=_pod_credentials(),
            ssl_ca_cert=os.environ.get("SSL_CERT_FILE"),
            **options,
        )
    except (ApiException, HTTPError, SubmitError):
        raise
    except Exception as error:  # Google's sign-in, kfp's own files: each has errors of its own
        raise SubmitError(f"kfp's client cannot be made ready: {type(error).__name__}: {error}") from None


def _pod_credentials() -> Any:
    """The token that Kubeflow puts into its pods; kfp itself takes it only where no host is named."""
    from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH
    from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

    if os.environ.get(KF_PIPELINES_SA_TOKEN_ENV) or os.path.exists(KF_PIPELINES_SA_TOKEN_PATH):
        return ServiceAccountTokenVolumeCredentials()
    return None


def _method(client: Any, request: str) -> Any:
    """A method of the generated API; newer clients put the name of its service in front, as ``run_service_``."""
    service = vars(getattr(client, _REQUESTS[request][0]))
    return next(service[name] for name in service if name == request or name.endswith(f"_service_{request}"))


def _assert_json(body: str | bytes) -> None:
    """A gateway answers with its sign-in page, and status 200, whoever has no cookie."""
    try:
        json.loads(body)
    except ValueError:
        raise SubmitError(
            "--host answers with a page, not with KFP's API: either it is not KFP's address, or it wants "
            "you to sign in; then give --cookies-file or --existing-token-file"
        ) from None


def _server_message(error: Any) -> str:
    """What the server says; uploads say it in another form than all else."""
    try:
        answer = json.loads(error.body)
    except (TypeError, ValueError):
        return "" if error.body else " ".join(str(error.reason or "").split())
    if not isinstance(answer, dict):
        return ""
    return str(answer.get("error_message") or answer.get("message") or answer.get("error") or "")


def _connection_problem(error: Exception) -> str:
    from urllib3 import exceptions  # type: ignore[import-untyped]

    reason = getattr(error, "reason", None) or error
    if isinstance(reason, exceptions.SSLError):
        return f"its TLS certificate is not trusted; name the file of your CA in SSL_CERT_FILE ({reason})"
    if isinstance(reason, exceptions.TimeoutError) and not isinstance(reason, exceptions.NewConnectionError):
        return "no answer in time; is it the right --host, and is a VPN or port-forward missing? Then try again"
    return f"cannot be reached; is it the right --host, and does it run? ({str(reason).rpartition(': ')[2]})"


# ---- pipeline, experiment, run


def upload(server: Server, name: str, path: str) -> Any:
    """Makes the file a new version of the pipeline, which is created where it is not there."""
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:8]
    now = datetime.now(timezone.utc)
    version = f"{now:%Y%m%d-%H%M%S}.{now.microsecond // 1000:03}-{digest}"
    pipeline_id = _find_pipeline(server, name)
    return server.ask("upload_pipeline_version", path, name=version, pipelineid=pipeline_id)


def _find_pipeline(server: Server, name: str) -> str:
    try:
        pipeline = server.ask("get_pipeline_by_name", name, namespace=server.namespace)
    except SubmitError as error:
        if error.status != 404:
            raise
        body = server.model("V2beta1Pipeline", display_name=name, namespace=server.namespace)
        pipeline = server.ask("create_pipeline", body)
    return str(pipeline.pipeline_id)


def default_experiment(name: str) -> str:
    """The experiment where ``--experiment`` names none: kfp's variables, else the pipeline's name."""
    default = os.environ.get("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME") or name
    return os.environ.get("KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME") or default


def find_experiment(server: Server, name: str) -> str:
    """The id of the experiment, which is created where it is not there."""
    predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
    found = server.ask(
        "list_experiments", filter=json.dumps({"predicates": [predicate]}), namespace=server.namespace
    ).experiments
    if found:
        return str(found[0].experiment_id)
    body = server.model("V2beta1Experiment", display_name=name, namespace=server.namespace)
    return str(server.ask("create_experiment", body).experiment_id)


def start_recurring_run(server: Server, body: Mapping[str, Any], schedule: str) -> str:
    """Starts a recurring run and returns the line that tells of it."""
    trigger = server.model("V2beta1Trigger", cron_schedule=server.model("V2beta1CronSchedule", cron=schedule))
    recurring = server.ask(
        "create_recurring_run",
        server.model(
            "V2beta1RecurringRun",
            **body,
            trigger=trigger,
            mode="ENABLE",
            max_concurrency="1",  # int64 is a string in JSON
            no_catchup=True,  # training late twice on the same data is of no use
        ),
    )
    return f"Recurring run, {schedule}: {server.link(f'recurringrun/details/{recurring.recurring_run_id}')}"


# ---- following a run


def follow(server: Server, run_id: str, tasks: Sequence[str], link: str) -> None:
    """Prints a line for each change of a task's state until the run ends.

    Raises:
        SubmitError: it did not succeed, or can no longer be asked after.
    """
    states: dict[str, str] = {}
    try:
        while (run := _get_run(server, run_id)).state not in _ENDS:
            _show_changes(run, tasks, states)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        _say(f"The run goes on: {link}")
        raise
    except SubmitError as error:
        raise SubmitError(f"{error}\nThe run goes on: {link}", error.status) from None
    _show_changes(run, tasks, states)
    _say(f"The run {run.state}")
    if run.state != _SUCCEEDED:
        raise SubmitError("\n".join([f"the run ended as {run.state}: {link}", *_failures(run, tasks)]))


def _get_run(server: Server, run_id: str) -> Any:
    for seconds in RETRY_SECONDS:
        try:
            return server.ask("get_run", run_id)
        except SubmitError as error:
            if error.status not in _PASSING:
                raise
        time.sleep(seconds)
        with suppress(SubmitError):
            server.connect()  # the token may have run out, and its file hold a fresh one
    return server.ask("get_run", run_id)


def _task_details(run: Any) -> list[Any]:
    return list(run.run_details.task_details or []) if run.run_details else []


def _show_changes(run: Any, tasks: Sequence[str], states: dict[str, str]) -> None:
    """Leaves out KFP's own drivers and executors, which are listed among the tasks."""
    for task in _task_details(run):
        key = task.task_id or task.pod_name or task.display_name
        if task.display_name in tasks and task.state and states.get(key) != task.state:
            states[key] = task.state
            _say(f"{datetime.now():%H:%M:%S} {task.display_name} {task.state}")


def _failures(run: Any, tasks: Sequence[str]) -> Iterator[str]:
    if message := _error(run):
        yield f"  {message}"
    for task in _task_details(run):
        message = _error(task)
        if task.state == _FAILED and (message or task.display_name in tasks):
            yield f"  {task.display_name}: {message or 'no message; its log is on the page of the run'}"


def _error(thing: Any) -> str:
    """The message of a run or task; where it has none, the last one in its history."""
    errors = [status.error for status in thing.state_history or []] + [thing.error]
    messages = [error.message for error in errors if error and error.message]
    return str(messages[-1]) if messages else ""


# ---- Vertex AI


def vertex_call(settings: Settings, order: Order) -> str:
    """Compiles for Vertex AI and returns the Python that submits it."""
    from pipeline.settings import SettingsError

    root = order.pipeline_root or settings.kubeflow.pipeline_root
    if not root.startswith("gs://"):
        raise SettingsError(f"Vertex AI keeps artifacts in gs:// only, not in {root}: give --pipeline-root gs://BUCKET")
    path = f"{settings.name}.vertex.json"
    options = settings.kubeflow.model_copy(update={"pipeline_root": root.rstrip("/")})  # places below it follow
    _compile(settings.model_copy(update={"kubeflow": options}), path, target="vertex")
    spec = _load(path)  # JSON is YAML
    parameters = read_parameters(spec.get("pipelineSpec", spec), order.params)
    lines = [
        "from google.cloud import aiplatform",
        "",
        'aiplatform.init(project="YOUR-PROJECT", location="YOUR-REGION")',
        "job = aiplatform.PipelineJob(",
        f"    display_name={order.run_name or settings.name!r},",
        f"    template_path={path!r},",
        f"    pipeline_root={root!r},",
        f"    parameter_values={parameters!r},",
        *(["    enable_caching=False,"] if order.no_cache else []),
        ")",
        _vertex_start(settings.name, order),
    ]
    return "\n".join(lines)


def _vertex_start(name: str, order: Order) -> str:
    if order.recurring:
        schedule = " ".join(order.recurring.split()[-5:])  # Vertex has no seconds
        return f"job.create_schedule(cron={schedule!r}, display_name={order.run_name or name!r})"
    experiment = f"experiment={order.experiment!r}" if order.experiment else ""
    if order.wait:
        return f"job.submit({experiment})\njob.wait()"
    return f"job.submit({experiment})"
