"""The step Sources: finds the catalogue and digests every byte of it and its images, for KFP's cache.

A step's cache key is made of its parameters. Ingestion gets the digest as one, and so runs again if a file behind an
unchanged URI has changed.
"""

from __future__ import annotations

import json
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.container.staging import staged_catalogue, with_local_images
from diptych.kubeflow.container.task import StepError, Task
from diptych.models.errors import DiptychError
from diptych.pipeline.cli.terminal import print_line

#: Value of the parameter ``span`` that asks for the greatest span there is.
LATEST_SPAN = -1
#: Value of the parameter ``version`` where the catalogue's pattern has no place for one.
NO_VERSION = -1


def run_sources(task: Task) -> dict[str, Any]:
    """Reports the catalogue, its span, its version and the digest as output parameters; returns the ExecutorOutput.

    Raises:
        StepError: the catalogue or its images cannot be read.
        StoreError: the catalogue is not found.
    """
    from diptych.components.catalogue.catalogue import Catalogue
    from diptych.components.catalogue.fingerprint import digest_inputs
    from diptych.components.catalogue.options import DataOptions

    span = task.pop_parameter("span")
    asked = None if span is None or span == LATEST_SPAN else int(span)
    found = store.resolve_span(task.pop_parameter("catalogue"), asked)
    options = with_local_images(task, json.loads(task.pop_parameter("data_options")))
    with staged_catalogue(task, found.catalogue) as catalogue:
        try:
            digest = digest_inputs(Catalogue.open(DataOptions(**options, catalogue=catalogue)))
        except DiptychError as error:
            raise StepError(task.to_uri(str(error))) from None
    version = NO_VERSION if found.version is None else found.version
    version_text = "" if found.version is None else f", version {version}"
    print_line(f"{found.catalogue}: span {found.span}{version_text}, digest {digest}")
    values = {"catalogue": found.catalogue, "span": found.span, "version": version, "digest": digest}
    output: dict[str, Any] = {"parameterValues": values}
    task.write_output(output)
    return output
