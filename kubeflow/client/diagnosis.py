"""What ``diptych doctor --host`` asks a KFP server, and what it says will fail, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from diptych.kubeflow.client.options import SubmitOptions
from diptych.kubeflow.client.server import OLDEST_VERSION, Server, SubmitError, without_warnings
from diptych.kubeflow.cluster_settings import cluster_catalogue, cluster_settings, publish_directory, push_directory
from diptych.models.errors import DiptychError
from diptych.pipeline.cli.doctor import Problem
from diptych.pipeline.options.kubeflow import AUTO, StoreOptions

if TYPE_CHECKING:
    from diptych.pipeline.settings import Settings

_OLDEST = ".".join(map(str, OLDEST_VERSION))
# The release with which SeaweedFS took MinIO's place, and a namespace's keys no longer reached the whole bucket.
_KEYS_OF_ONE_NAMESPACE = (2, 16)
_BUCKET = "minio://mlpipeline"
# Where the keys reach that Kubeflow makes for a namespace: the policy in manifests/kustomize/base/installs/multi-user/
# pipelines-profile-controller/sync.py (github.com/kubeflow/pipelines, August 2026).
_REACHED = ("private-artifacts/{namespace}", "private/{namespace}", "artifacts", "shared")


def diagnose(options: SubmitOptions, settings: Settings | None) -> tuple[dict[str, str], list[Problem]]:
    """What a server says of itself, and what will fail there.

    Args:
        settings: those of the pipeline; without them only the server is looked at.

    Raises:
        SettingsError: the options cannot be used.
    """
    problems = list(_check_settings(settings)) if settings else []
    with without_warnings():
        try:
            server = Server(options)
        except SubmitError as error:
            return {}, [*problems, Problem(str(error), "mend this first: what else is wrong there is not known yet")]
        problems += _check_server(server)
    facts = {
        "kubeflow pipelines": server.release or f"does not say its version; {_OLDEST} or newer is needed",
        "users": f"several; namespace {server.namespace}" if server.multi_user else "one",
    }
    if settings:
        problems += _check_keys(server, settings)
    return facts, problems


def _check_settings(settings: Settings) -> Iterator[Problem]:
    try:
        cluster_settings(settings, "kfp")
    except DiptychError as error:
        yield Problem(str(error), "change the settings; diptych compile refuses them")


def _check_server(server: Server) -> Iterator[Problem]:
    try:
        server.check_version()
    except SubmitError as error:
        yield Problem(str(error), f"upgrade Kubeflow Pipelines to {_OLDEST} or newer")
    remedy = "have the rights given to you, or name another --namespace or token"
    for list_things in ("list_pipelines", "list_experiments", "list_runs"):
        try:
            with server.client() as client:
                getattr(client, list_things)(page_size=1, namespace=server.namespace)
        except SubmitError as error:
            yield Problem(str(error), remedy)


def _check_keys(server: Server, settings: Settings) -> Iterator[Problem]:
    """Finds the places that the keys of a namespace do not reach."""
    store = settings.kubeflow.store
    is_kubeflows = store.endpoint == AUTO and store.secret == StoreOptions().secret
    if not server.multi_user or not is_kubeflows or (server.version or _KEYS_OF_ONE_NAMESPACE) < _KEYS_OF_ONE_NAMESPACE:
        return
    reached = [f"{_BUCKET}/{folder.format(namespace=server.namespace)}/" for folder in _REACHED]
    for key, place in _places(settings).items():
        if place and place.startswith("minio://") and not f"{place}/".startswith(tuple(reached)):
            yield Problem(
                f"{key} ({place}): Kubeflow's keys for namespace {server.namespace} reach only {', '.join(reached)}",
                f"set it to a place below {reached[0]}, or name a secret of yours in kubeflow.store.secret",
            )


def _places(settings: Settings) -> Mapping[str, str | None]:
    return {
        "kubeflow.pipeline_root": settings.kubeflow.pipeline_root,
        "kubeflow.catalogue": cluster_catalogue(settings),
        "data.images_root": settings.data.images_root,
        "kubeflow.push_directory": push_directory(settings),
        "kubeflow.publish_directory": publish_directory(settings),
    }
