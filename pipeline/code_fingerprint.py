"""Fingerprints of Diptych's own code, a part of cache keys: a result is reused only if the same code made it."""

from __future__ import annotations

import hashlib
import importlib
import os
from functools import lru_cache
from importlib.metadata import version

from diptych.models.images.pretrained.weights import find_pretrained_weights

# Libraries on whose version the results of components depend.
_LIBRARIES = (
    "tensorflow",
    "keras",
    "tfx",
    "tensorflow-transform",
    "scikit-learn",
    "pillow",
    "simplejpeg",
    "opencv-python-headless",
)


@lru_cache
def code_fingerprint(*packages: str) -> str:
    """SHA-256, in hexadecimal, of the files of some packages, templates too, and of the versions of the libraries used.

    Pretrained weights, where they are installed, are part of it: a run after they were installed uses them.

    Args:
        packages: names of importable packages; their sub-packages are included.
    """
    digest = hashlib.sha256()
    for name in _LIBRARIES:
        digest.update(f"{name}=={version(name)}\n".encode())
    weights = find_pretrained_weights()
    digest.update(f"pretrained {weights and weights.digest}\n".encode())
    for package in packages:
        root = os.path.dirname(importlib.import_module(package).__file__ or "")
        for folder, folders, files in os.walk(root):
            # Bytecode holds times, and is made while a run goes on.
            folders[:] = sorted(set(folders) - {"__pycache__"})
            for file in sorted(files):
                path = os.path.join(folder, file)
                digest.update(os.path.relpath(path, root).encode())
                with open(path, "rb") as source:
                    digest.update(source.read())
    return digest.hexdigest()
