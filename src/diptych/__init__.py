"""Diptych: images, descriptions and labels become a validated dataset and a trained, evaluated, servable model."""

import os
from typing import Any

# In a checkout, the packages here are links to the folders of the repository's root: modules are imported from those
# folders, so that tracebacks, debuggers and coverage name each file by the one path that an editor opens it at.
__path__ = [os.path.dirname(os.path.realpath(os.path.join(__path__[0], "models"))), *__path__]

_ARTIFACT_TYPES = ("DecodedSlice", "Metrics", "Rejects", "Report", "Verdict")


def __getattr__(name: str) -> Any:
    """Finds ``diptych.Rejects`` and the other artifact types when they are asked for (PEP 562).

    Kubeflow Pipelines imports an artifact's type by a name of one package and one class; importing TFX here would cost
    every command seconds.
    """
    if name in _ARTIFACT_TYPES:
        from diptych.components import artifact_types

        return getattr(artifact_types, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
