"""A task that runs a container, and the cluster in which it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diptych.kubeflow.local.container import IMAGE_USER
from diptych.kubeflow.local.release import LATEST, Release
from diptych.kubeflow.local.retries import Clock
from diptych.kubeflow.spec import SpecError

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cluster:
    """Where a spec is run.

    Attributes:
        release: of Kubeflow Pipelines.
        pipeline_root: URI below which the artifacts go; None for the spec's.
        executors: what Kubernetes does for each executor, by its label, from the platform spec.
        image_root: root file system of the steps' image to run them in, by ``chroot``, which needs root's rights.
        user: the number of the steps' user in the image.
        clock: the time by which retries are counted.
    """

    release: Release = LATEST
    pipeline_root: str | None = None
    executors: Json = field(default_factory=dict)
    image_root: str | None = None
    user: int = IMAGE_USER
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True)
class Step:
    """A task whose component is a container.

    Attributes:
        name: of the task.
        label: the name, and in a loop the number of the iteration.
        task: the task of the pipeline spec.
        component: its component.
        container: the container of its component's executor.
        kubernetes: what Kubernetes does for it, from the platform spec.
    """

    name: str
    label: str
    task: Json
    component: Json
    container: Json
    kubernetes: Json

    @classmethod
    def of_task(cls, name: str, label: str, task: Json, spec: Json, executors: Json) -> Step:
        """The step of a task.

        Args:
            label: see the attribute.
            spec: the pipeline spec.
            executors: as in ``Cluster``.

        Raises:
            SpecError: the task's executor is no container.
        """
        component = spec["components"][task["componentRef"]["name"]]
        executor = component["executorLabel"]
        container = spec["deploymentSpec"]["executors"][executor].get("container")
        if container is None:
            raise SpecError(f"task {name}: its executor is no container; KFP runs containers and importers only")
        return cls(name, label, task, component, container, executors.get(executor, {}))

    @property
    def is_cached(self) -> bool:
        """Whether the results of an earlier run are taken where there are any."""
        return bool(self.task.get("cachingOptions", {}).get("enableCache", False))

    @property
    def output_parameters(self) -> dict[str, str]:
        """The type of each output parameter, by its name."""
        definitions = self.component.get("outputDefinitions", {}).get("parameters", {})
        return {name: definition["parameterType"] for name, definition in definitions.items()}
