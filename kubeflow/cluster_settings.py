"""The settings of a pipeline as they hold in a cluster: without what only this machine has, and checked."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Literal

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.spans import static_folder
from diptych.kubeflow.container.store import MIRROR_FOLDERS
from diptych.kubeflow.step_names import DECODE
from diptych.pipeline.settings import Settings, SettingsError

Target = Literal["kfp", "vertex"]
#: How a step uses the store: see ``diptych.kubeflow.container.task.Task``.
Artifacts = Literal["mirrored", "native", "remote"]

# The scheme at which TensorFlow reads and writes itself.
_NATIVE = "gs"
# Steps that reach every store by Diptych's own code alone.
_REMOTE_STEPS = ("Sources", "ImageTextExampleGen")
_WEB = ("https", "http")


def cluster_settings(settings: Settings, target: Target) -> Settings:
    """The settings without the paths and the number of cores of this machine.

    Raises:
        SettingsError: a step in the cluster would not reach something, Vertex does not know an option, or training asks
            for several workers.
    """
    data = settings.data.model_copy(
        update={"images_root": _cluster_images_root(settings.data), "processes": _decoding_processes(settings)}
    )
    settings = settings.model_copy(update={"data": data})
    _check_places(settings, target)
    _check_fan_out(settings, target)
    _check_workers(settings)
    if target == "vertex":
        _check_vertex_resources(settings)
    return settings


def push_directory(settings: Settings) -> str:
    """Where models are pushed unless a run says otherwise."""
    return settings.kubeflow.push_directory or f"{settings.kubeflow.pipeline_root}/{settings.name}/pushed"


def publish_directory(settings: Settings) -> str:
    """Where summaries and reports go unless a run says otherwise."""
    return settings.kubeflow.publish_directory or f"{settings.kubeflow.pipeline_root}/{settings.name}/runs"


def cluster_catalogue(settings: Settings) -> str | None:
    """The catalogue as the cluster reaches it; None if it has only a path on this machine."""
    return settings.kubeflow.catalogue or _uri_or_none(settings.data.catalogue)


def why_native(settings: Settings, target: Target) -> str | None:
    """Why all steps use URIs as they are; None if they need not, because KFP's launcher mirrors them."""
    if target == "vertex":
        return "Vertex has no keys of other stores"
    if settings.beam.runner == "dataflow":
        return "machines of beam.runner 'dataflow' have no keys of other stores"
    if settings.beam.runner != "direct" and settings.kubeflow.pipeline_root.startswith(f"{_NATIVE}://"):
        return f"{_workers(settings)} do not see what KFP mirrors in a step's container"
    return None


def artifacts_of(step: str, settings: Settings, target: Target) -> Artifacts:
    """How a step uses the store. Where TensorFlow does not reach it, an engine's workers do the work of ingestion."""
    if why_native(settings, target):
        return "native"
    return "remote" if settings.beam.runner != "direct" and step in _REMOTE_STEPS else "mirrored"


def beam_arguments(step: str, settings: Settings, target: Target) -> list[str]:
    """What a step tells Beam; nothing if it does its Beam jobs in its own process.

    An engine's workers do not see mirrors.
    """
    if settings.beam.runner != "direct" and artifacts_of(step, settings, target) == "mirrored":
        return []
    return settings.beam.pipeline_args(settings.kubeflow.image)


def _workers(settings: Settings) -> str:
    return f"workers of beam.runner '{settings.beam.runner}'"


def _cluster_images_root(data: DataOptions) -> str | None:
    """The images' root: a URI as it is, a path of this machine relative to the catalogue's folder.

    Raises:
        SettingsError: a path lies outside of that folder.
    """
    root, catalogue = data.images_root, data.catalogue
    if not root or "://" in root:
        return root
    if os.path.isdir(catalogue):
        folder = catalogue
    elif os.path.exists(catalogue):
        folder = os.path.dirname(catalogue)
    else:
        # The folder is that below all spans: images beside the folder of one span would not be found from another one.
        folder = static_folder(catalogue.replace("{", "_"))
    relative = os.path.relpath(root, folder)
    if "://" in catalogue or relative.split(os.sep)[0] == os.pardir:
        raise SettingsError(
            f"data.images_root: '{root}' is not below the catalogue's folder, which is what a cluster's steps bring "
            "along: put the images there, or name their place by a URI"
        )
    return None if relative == os.curdir and os.path.isfile(catalogue) else relative


def _decoding_processes(settings: Settings) -> int | None:
    """How many processes decode: as many as the container has cores, which itself sees those of the whole node."""
    data, beam = settings.data, settings.beam
    cpu = settings.kubeflow.resources_of(DECODE if settings.kubeflow.fan_out else "ImageTextExampleGen").cpu
    if data.processes or not cpu or beam.runner != "direct" or beam.workers > 1:
        return data.processes
    return math.ceil(cpu)


def _uri_or_none(place: str | None) -> str | None:
    return place if place and "://" in place else None


def _check_places(settings: Settings, target: Target) -> None:
    """Checks that every URI of the settings has a scheme that the steps reach.

    Raises:
        SettingsError: one has not.
    """
    reason = why_native(settings, target)
    if reason:
        artifacts = {
            "kubeflow.pipeline_root": settings.kubeflow.pipeline_root,
            "kubeflow.push_directory": push_directory(settings),
            "kubeflow.publish_directory": publish_directory(settings),
        }
        _check_schemes(artifacts, [_NATIVE], reason)
    catalogue_key = "kubeflow.catalogue" if settings.kubeflow.catalogue else "data.catalogue"
    inputs = {
        catalogue_key: cluster_catalogue(settings),
        "data.images_root": _uri_or_none(settings.data.images_root),
    }
    if reason:
        _check_schemes(inputs, [_NATIVE, *_WEB], reason)
    elif settings.beam.runner != "direct":
        _check_schemes(inputs, [*MIRROR_FOLDERS, *_WEB], f"{_workers(settings)} do not see a step's folders")
    else:
        inputs = {key: _uri_or_none(place) for key, place in inputs.items()}
        _check_schemes(inputs, [*MIRROR_FOLDERS, *_WEB], "steps know no such store")


def _check_schemes(places: Mapping[str, str | None], schemes: Sequence[str], reason: str) -> None:
    allowed = [f"{scheme}://" for scheme in schemes]
    for key, place in places.items():
        if place and not place.startswith(tuple(allowed)):
            *others, last = allowed
            choice = f"{', '.join(others)} or {last}" if others else last
            raise SettingsError(f"{key}: {reason}: only {choice} will do (given: {place!r})")


def _check_fan_out(settings: Settings, target: Target) -> None:
    if settings.kubeflow.fan_out is None:
        return
    if target == "vertex":
        raise SettingsError("kubeflow.fan_out: it is for open-source Kubeflow; on Vertex use beam.runner dataflow")
    if settings.beam.runner != "direct" or settings.beam.workers > 1:
        raise SettingsError(
            "kubeflow.fan_out: its pods decode without Beam; leave it out, or beam.runner and beam.workers"
        )


def _check_workers(settings: Settings) -> None:
    if settings.train.distribute == "multi_worker":
        raise SettingsError(
            "train.distribute: multi_worker: a pipeline's step is one pod, and no TF_CONFIG names others; 'mirrored' "
            "trains on all GPUs of the pod (kubeflow.resources.Trainer.gpu)"
        )


def _check_vertex_resources(settings: Settings) -> None:
    for step, resources in settings.kubeflow.resources.items():
        for key in ("node_selector", "timeout_minutes"):
            if getattr(resources, key):
                raise SettingsError(
                    f"kubeflow.resources.{step}.{key}: Vertex has no such thing; leave it out, or compile for kfp"
                )
