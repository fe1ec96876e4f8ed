"""Custom TFX components, one folder each; the DAG alone joins them."""

from __future__ import annotations

from typing import Any

_ARTIFACT_TYPES = ("Metrics", "Rejects", "Report", "Verdict")


def __getattr__(name: str) -> Any:
    """Finds ``components.Rejects`` and its like when asked for (PEP 562).

    Kubeflow imports an artifact's type by a name of one package and one class; importing TFX for every light module
    of this package would cost seconds.
    """
    if name in _ARTIFACT_TYPES:
        from components import artifacts

        return getattr(artifacts, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
