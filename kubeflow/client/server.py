"""A KFP API server, asked through ``kfp.Client``: signing in, time limits, and plain messages for what goes wrong."""

from __future__ import annotations

import functools
import io
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any
from urllib.parse import urlsplit

from diptych.kubeflow.client.options import SubmitOptions
from diptych.models.errors import FAILED, DiptychError

#: The oldest release of Kubeflow Pipelines that takes what the compiler writes: ``secretAsEnv.optional`` came with it.
OLDEST_VERSION = (2, 15)
#: Seconds to connect, and to wait for bytes. Without them urllib3 would wait for ever; it tries three times more.
TIME_LIMITS = (5.0, 60.0)

# What a request is about, by the last part of its path that stands here.
_SUBJECTS = {
    "healthz": "its health",
    "pipelines": "the pipeline",
    "upload_version": "the pipeline's new version",
    "experiments": "the experiment",
    "runs": "the run",
    "recurringruns": "the recurring run",
    "logs": "the log",
    "log": "the log",
}
# Where the log of a pod is had: from KFP's user interface, and from the API server itself.
_LOG_PATHS = ("/k8s/pod/logs", "/apis/v1alpha1/runs/{run}/nodes/{pod}/log")


class SubmitError(DiptychError):
    """The pipeline was not submitted, or its run did not succeed; the message says what to do.

    Attributes:
        status: the HTTP status of the server's answer, if there was one.
    """

    exit_code = FAILED

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """One KFP API server. A request that fails raises a ``SubmitError``, whose message holds no token or cookie.

    Attributes:
        host: URL of the server.
        namespace: the user's, where the server has several users, else None.
        multi_user: whether it has several users.
        release: what it calls its version; empty if it does not say.

    Raises:
        SettingsError: the options name no host, or a file of a secret cannot be used.
        SubmitError: the server does not answer, or refuses the user.
    """

    def __init__(self, options: SubmitOptions) -> None:
        from diptych.pipeline.settings import SettingsError

        if not options.host:
            raise SettingsError("--host is missing: give KFP's URL, or set KF_PIPELINES_ENDPOINT")
        self.host = options.host
        self._options = options
        self.connect()

    def connect(self) -> None:
        """Signs in with what the files of token and cookies hold at this moment, and checks that KFP answers."""
        token = _read_secret("--existing-token-file", self._options.existing_token_file)
        cookies = _read_secret("--cookies-file", self._options.cookies_file)
        self._secrets = [secret for secret in (token, cookies) if secret]
        self._client = _make_client(self._options, token, cookies, self._send)
        self.release = ""
        health = self._client.get_kfp_healthz()
        self.multi_user = bool(health.multi_user)
        self.namespace = self._options.namespace or self._client.get_user_namespace() or None
        if self.multi_user and not self.namespace:
            raise SubmitError(f"{self.host} serves several users: name your namespace with --namespace")

    @property
    def version(self) -> tuple[int, int] | None:
        """The first two numbers of the release; None if the server does not say."""
        match = re.match(r"v?(\d+)\.(\d+)", self.release)
        return (int(match[1]), int(match[2])) if match else None

    def check_version(self) -> None:
        """Checks that the server is not too old, where it says what it is.

        Raises:
            SubmitError: it is.
        """
        if self.version and self.version < OLDEST_VERSION:
            raise SubmitError(
                f"{self.host} is Kubeflow Pipelines {self.release}, which does not know all that the pipeline needs: "
                f"{'.'.join(map(str, OLDEST_VERSION))} or newer is needed"
            )

    @contextmanager
    def client(self) -> Iterator[Any]:
        """The ``kfp.Client``. The links that it prints are dropped."""
        with redirect_stdout(io.StringIO()):
            yield self._client

    def get_pipeline_id(self, name: str) -> str:
        """The id of the pipeline with this name, which is created if there is none."""
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        with self.client() as client:
            # Not by kfp's own get_pipeline_id, which looks only among the pipelines of no namespace.
            found = client.list_pipelines(filter=json.dumps({"predicates": [predicate]}), namespace=self.namespace)
            if found.pipelines:
                return str(found.pipelines[0].pipeline_id)
            # kfp's own upload_pipeline would add a first version that bears the pipeline's name.
            service = client.pipelines
            create = getattr(service, "create_pipeline", None) or service.pipeline_service_create_pipeline
            created = create(client.api_models.V2beta1Pipeline(display_name=name, namespace=self.namespace))
            return str(created.pipeline_id)

    def read_log(self, run_id: str, pod: str) -> str:
        """The log of a pod of a run; empty if the server does not hand it out."""
        api = self._client._healthz_api.api_client
        query = [("podname", pod), ("podnamespace", self.namespace or ""), ("runid", run_id)]
        texts = []
        for path in _LOG_PATHS:
            with suppress(SubmitError, ValueError):  # the latter where it is no UTF-8
                url = path.format(run=run_id, pod=pod)
                headers = {"Accept": "text/plain"}
                answer = api.call_api(
                    url, "GET", query_params=query, header_params=headers, response_type="str", auth_settings=["Bearer"]
                )
                texts.append(str(answer[0]))
        return "\n".join(texts)

    def link(self, page: str) -> str:
        """The URL of a page of KFP's user interface."""
        front = os.environ.get("KF_PIPELINES_UI_ENDPOINT") or self.host
        front = front if front.startswith(("http://", "https://")) else f"http://{front}"
        return f"{front.rstrip('/')}/#/{page}"

    def _send(self, request: Callable[..., Any], method: str, url: str, **options: Any) -> Any:
        """Sends one HTTP request of the client, by the function ``request``, and returns the response."""
        from kfp_server_api import ApiException
        from urllib3.exceptions import HTTPError  # type: ignore[import-untyped]

        try:
            response = request(method, url, **{**options, "_request_timeout": TIME_LIMITS})
        except ApiException as error:
            message = self._explain(method, url, int(error.status or 0), _server_message(error))
            raise SubmitError(self._hide_secrets(message), error.status or None) from None
        except HTTPError as error:
            raise SubmitError(self._hide_secrets(f"{self.host}: {_connection_problem(error)}")) from None
        if options["headers"].get("Accept") == "application/json":
            answer = _read_json(response.data)
            if url.endswith("/healthz"):
                # The model of kfp's client lacks the version, which KFP's user interface gives another name.
                self.release = str(answer.get("tag_name") or answer.get("apiServerTagName") or "")
        return response

    def _explain(self, method: str, url: str, status: int, message: str) -> str:
        """One sentence on an answer that is an error.

        Args:
            status: of HTTP; 0 if there was no answer.
            message: what the server says, possibly nothing.
        """
        part = next(part for part in reversed(urlsplit(url).path.split("/")) if part in _SUBJECTS)
        about = f"reading {_SUBJECTS[part]}" if method == "GET" else _SUBJECTS[part]
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
        if status == 404 and part == "healthz":
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


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hides the warnings and log lines of kfp and urllib3.

    What kfp prints while a client is made is shown: it is only how to sign in to Google in a browser.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disabled = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


def _read_secret(option: str, path: str | None) -> str | None:
    """The one line of the file that an option names; None without a file."""
    from diptych.models.os_errors import explain_cause
    from diptych.pipeline.settings import SettingsError

    if path is None:
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read().strip()
    except OSError as error:
        raise SettingsError(f"{option} '{path}': {explain_cause(error)}") from None
    if not text or not text.isascii() or not text.isprintable():
        # The HTTP client would show the whole header in its own complaint.
        raise SettingsError(f"{option} {path}: the file must hold one line of plain characters")
    return text


def _make_client(options: SubmitOptions, token: str | None, cookies: str | None, send: Callable[..., Any]) -> Any:
    """A ``kfp.Client`` all of whose HTTP requests are made by ``send``.

    What ``send`` raises is no error of ``kfp_server_api``, so kfp does not swallow it: it would hide the answer to the
    health check and ask four times more, 5 s apart.
    """
    import kfp

    class Client(kfp.Client):
        def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
            # The first request of every client, which its constructor may send too.
            rest = self._healthz_api.api_client.rest_client
            rest.request = functools.partial(send, functools.partial(type(rest).request, rest))
            return super().get_kfp_healthz(sleep_duration)

    namespace = {"namespace": options.namespace} if options.namespace else {}
    try:
        return Client(
            host=options.host,
            existing_token=token,
            cookies=cookies,
            credentials=_pod_credentials(),
            ssl_ca_cert=os.environ.get("SSL_CERT_FILE"),
            **namespace,
        )
    except SubmitError:
        raise
    except Exception as error:  # Google's sign-in, kfp's own files: each has errors of its own
        raise SubmitError(f"kfp's client cannot be made ready: {type(error).__name__}: {error}") from None


def _pod_credentials() -> Any:
    """The token that Kubeflow puts into its pods, None elsewhere. kfp takes it by itself only if no host is named."""
    from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH
    from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

    if os.environ.get(KF_PIPELINES_SA_TOKEN_ENV) or os.path.exists(KF_PIPELINES_SA_TOKEN_PATH):
        return ServiceAccountTokenVolumeCredentials()
    return None


def _read_json(body: str | bytes) -> dict[str, Any]:
    """The answer of the server.

    Raises:
        SubmitError: it is the sign-in page with which a gateway answers, with status 200, whoever has no cookie.
    """
    try:
        return dict(json.loads(body))
    except ValueError:
        raise SubmitError(
            "--host answers with a page, not with KFP's API: either it is not KFP's address, or it wants "
            "you to sign in; then give --cookies-file or --existing-token-file"
        ) from None


def _server_message(error: Any) -> str:
    """The server's message in a ``kfp_server_api.ApiException``; uploads name the field otherwise than all else."""
    try:
        answer = json.loads(error.body)
    except (TypeError, ValueError):
        return "" if error.body else " ".join(str(error.reason or "").split())
    if not isinstance(answer, dict):
        return ""
    return str(answer.get("error_message") or answer.get("message") or answer.get("error") or "")


def _connection_problem(error: Exception) -> str:
    """One sentence on an ``urllib3.exceptions.HTTPError``."""
    from urllib3 import exceptions  # type: ignore[import-untyped]

    reason = getattr(error, "reason", None) or error
    if isinstance(reason, exceptions.SSLError):
        return f"its TLS certificate is not trusted; name the file of your CA in SSL_CERT_FILE ({reason})"
    if isinstance(reason, exceptions.TimeoutError) and not isinstance(reason, exceptions.NewConnectionError):
        return "no answer in time; is it the right --host, and is a VPN or port-forward missing? Then try again"
    return f"cannot be reached; is it the right --host, and does it run? ({str(reason).rpartition(': ')[2]})"
