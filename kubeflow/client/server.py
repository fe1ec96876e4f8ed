"""KFP's API server: signing in as ``kfp.Client`` does, asking, and saying plainly what went wrong."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from diptych.models.errors import FAILED, DiptychError

if TYPE_CHECKING:
    from diptych.kubeflow.client.submit import Order

# To connect, and to read. Without them urllib3 would wait for ever; it tries three times more by itself.
TIME_LIMITS = (5.0, 60.0)

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


class SubmitError(DiptychError):
    """The pipeline was not submitted, or its run did not succeed; the message says what to do.

    Attributes:
        status: of HTTP, where there was an answer.
    """

    exit_code = FAILED

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


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


class Server:
    """KFP's API at one address, as ``kfp.Client`` signs in to it. Whatever goes wrong is a ``SubmitError``."""

    def __init__(self, order: Order) -> None:
        from diptych.pipeline.settings import SettingsError

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
    from diptych.pipeline.settings import SettingsError

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
