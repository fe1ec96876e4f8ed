"""Which versions of libraries made a result."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = (
    "diptych",
    "tfx",
    "tensorflow",
    "keras",
    "apache-beam",
    "tensorflow-transform",
    "scikit-learn",
    "vl-convert-python",
)


def library_versions() -> dict[str, str]:
    """The versions of the libraries that datasets, models and reports depend on, as far as they are installed."""
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
