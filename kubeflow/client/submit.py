"""Submits the pipeline to Kubeflow Pipelines and follows its run; for Vertex AI it only writes down the call."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from diptych.kubeflow.client.parameters import read_parameters
from diptych.kubeflow.client.server import Server, SubmitError

if TYPE_CHECKING:
    from diptych.pipeline.settings import Settings

POLL_SECONDS = 5.0
# Before each new attempt to hear of a run: a cluster's gateway may restart while a model trains.
RETRY_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)

_SUCCEEDED, _FAILED = "SUCCEEDED", "FAILED"
_ENDS = (_SUCCEEDED, _FAILED, "SKIPPED", "CANCELED")
_PASSING = (None, 401, 429, 500, 502, 503, 504)


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
    from diptych.kubeflow import compiler
    from diptych.pipeline.local.log_capture import captured_output

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
    from diptych.pipeline.settings import SettingsError

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
