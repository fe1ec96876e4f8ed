"""The step Sources: finds the catalogue and digests every byte of it and its images, for KFP's cache.

A step's cache key is made of its parameters. Ingestion gets the digest as one, and so runs again if a file behind an
unchanged URI has changed. With ``kubeflow.fan_out``, each slice of the catalogue has a digest of its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.container.staging import catalogue_in_place, staged_catalogue, with_local_images
from diptych.kubeflow.container.task import StepError, Task
from diptych.models.errors import DiptychError
from diptych.pipeline.cli.terminal import print_line

#: Value of the parameter ``span`` that asks for the greatest span there is.
LATEST_SPAN = -1
#: Value of the parameter ``version`` where the catalogue's pattern has no place for one.
NO_VERSION = -1


def run_sources(task: Task) -> dict[str, Any]:
    """Reports the catalogue, its span, its version and the digest as output parameters; returns the ExecutorOutput.

    With the parameters of a fan-out, it also reports the slices of the catalogue, and reads the catalogue in place.

    Raises:
        StepError: the catalogue or its images cannot be read.
        StoreError: the catalogue is not found.
    """
    span = task.pop_parameter("span")
    asked = None if span is None or span == LATEST_SPAN else int(span)
    found = store.resolve_span(task.pop_parameter("catalogue"), asked)
    options = with_local_images(task, json.loads(task.pop_parameter("data_options")))
    try:
        if (pods := task.pop_parameter("pods")) is None:
            values = _digest(task, found.catalogue, options)
        else:
            values = _slice(task, found.catalogue, options, int(pods))
    except DiptychError as error:
        raise StepError(task.to_uri(str(error))) from None
    version = NO_VERSION if found.version is None else found.version
    version_text = "" if found.version is None else f", version {version}"
    print_line(f"{found.catalogue}: span {found.span}{version_text}, digest {values['digest']}")
    values |= {"catalogue": found.catalogue, "span": found.span, "version": version}
    output: dict[str, Any] = {"parameterValues": values}
    task.write_output(output)
    return output


def _digest(task: Task, uri: str, options: dict[str, Any]) -> dict[str, Any]:
    """The digest of the catalogue, as an output parameter.

    Args:
        options: the fields of DataOptions but the catalogue.
    """
    from diptych.components.catalogue.catalogue import Catalogue
    from diptych.components.catalogue.fingerprint import digest_inputs
    from diptych.components.catalogue.options import DataOptions

    with staged_catalogue(task, uri) as catalogue:
        return {"digest": digest_inputs(Catalogue.open(DataOptions(**options, catalogue=catalogue)))}


def _slice(task: Task, uri: str, options: dict[str, Any], pods: int) -> dict[str, Any]:
    """The digest of the catalogue and its slices, as output parameters; see ``_digest``."""
    from diptych.components.catalogue.catalogue import Catalogue
    from diptych.components.catalogue.options import DataOptions
    from diptych.components.catalogue.slices import plan_slices

    catalogue = Catalogue.open(DataOptions(**options, catalogue=catalogue_in_place(task, uri)))
    digest, slices = plan_slices(catalogue, pods, int(task.pop_parameter("from_rows")))
    for part in slices:
        print_line(f"{part}, digest {part.digest}")
    return {"digest": digest, "slices": [asdict(part) for part in slices]}
