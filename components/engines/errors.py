"""What goes wrong on Beam's engines, in a sentence with the setting and the remedy.

Workers of their own send errors as text: a traceback of Python within a ``RuntimeError``, which Flink and Spark wrap in
one of Java.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from diptych.models.errors import FAILED, DiptychError

# Beam appends the transform to the message; after it come tracebacks of the runner, in Python or Java.
_END = r"\s*(?:\[while running '|\n(?:During handling|The above exception|Traceback )|\n\tat |\n?Caused by: |\Z)"
_RAISED = re.compile(
    rf"^(?:[\w.$]+: )*?(?P<name>[A-Za-z_][\w.]*): (?!Traceback )(?P<message>.*?)(?={_END})", re.MULTILINE | re.DOTALL
)
_TRACEBACK = "Traceback (most recent call last)"
#: What to do where workers do not reach the store of a pipeline.
STORE_REMEDY = (
    "give the worker pool the store's AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at gs:// an "
    "identity that may (docs/kubernetes)"
)
_NO_WORKER_POOL = (
    "beam.worker_pool: the task managers find no worker pool at '{pool}'; run 'python -m "
    "apache_beam.runners.worker.worker_pool_main --service_port={port}' beside each of them, in the image of the steps"
)
_KILLED = (
    "beam.workers: a worker of Beam was killed, most likely because memory ran out; give the workers more memory, take "
    "fewer on each machine, or lower data.limits.memory_mb"
)
_NO_START = (
    "beam.job_server_jar: the job server did not start; see in the log what Java says, and take the jar of the Beam "
    "version of the steps and the Flink version of the cluster"
)
_LOST = (
    "beam.endpoint: the job server at '{endpoint}' went away while a job was running; see in its log why, and whether "
    "the job still runs on the cluster"
)
# By what Beam's runners and gRPC print: StartWorker asks for a worker, by Python's runner and by Java's; a stream is
# cancelled where the other end of it is gone.
_SENTENCES = {
    re.compile(r"\bStartWorker\(|\bExternalEnvironmentFactory\b|Error starting worker"): _NO_WORKER_POOL,
    re.compile(
        r"Worker subprocess exited with return code|"
        r"CANCELLED: (?:client cancelled|call already cancelled|cancelled before receiving half close)"
    ): _KILLED,
    re.compile(r"Service failed to start up with error"): _NO_START,
}


class EngineError(DiptychError):
    """An engine cannot run a pipeline, or did not end it; the message names the setting and the remedy."""

    exit_code = FAILED


@contextmanager
def explained_errors(endpoint: str = "", pool: str = "") -> Iterator[None]:
    """Lets what goes wrong on an engine be said in a sentence, or by the last line of a worker's traceback.

    Args:
        endpoint: ``host:port`` of the job server; empty where there is none.
        pool: ``host:port`` of the worker pool.

    Raises:
        DiptychError: a worker has raised it, or an ``EngineError``.
        RuntimeError: a worker has raised anything else.
    """
    try:
        yield
    except DiptychError:
        raise
    except Exception as error:
        found = _explain(error, endpoint, pool)
        if found is None:
            raise
        raise found from error


def _explain(error: Exception, endpoint: str, pool: str) -> Exception | None:
    """The error that says more than this one; None if there is no such."""
    text = str(error)
    classes = {f"{each.__module__}.{each.__qualname__}": each for each in _descendants(DiptychError)}
    raised = [(match["name"], match["message"]) for match in _RAISED.finditer(text)]
    if own := [classes[name](message) for name, message in raised if name in classes]:
        return own[-1]
    for pattern, sentence in _SENTENCES.items():
        if pattern.search(text):
            return EngineError(sentence.format(pool=pool, port=pool.rpartition(":")[2]))
    if isinstance(error, grpc.RpcError):
        return EngineError(_LOST.format(endpoint=endpoint))
    if _TRACEBACK in text and raised:
        return RuntimeError(f"on a worker of Beam: {': '.join(raised[-1])}")
    return None


def _descendants(base: type[DiptychError]) -> Iterator[type[DiptychError]]:
    for each in base.__subclasses__():
        yield each
        yield from _descendants(each)
