"""Features of images, kept in a folder between trainings."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import uuid4

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# A file is made in memory, several times its size.
_IMAGES_PER_FILE = 4096


class FeatureCache:
    """The features of images by the SHA-256 of their stored bytes.

    They lie in files ``<digest>.npz`` of a folder, each with the images that a training has added. A file that is
    damaged is left out, and its features are computed again.

    Args:
        folder: where the files of one extractor lie; None to keep nothing.
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._found: dict[bytes, NDArray[np.float32]] = {}
        self._added: dict[bytes, NDArray[np.float32]] = {}
        for path in self._files():
            self._read(path)

    @property
    def found(self) -> int:
        """The number of images that the folder held."""
        return len(self._found)

    def look_up(
        self, images: Sequence[bytes], compute: Callable[[tf.Tensor], tf.Tensor], into: NDArray[np.float32]
    ) -> None:
        """Writes the features of images, float32 ``[b, d]``, into memory that is not to be changed afterwards.

        The cache keeps no copy of what it writes there, for all images together may take gigabytes.

        Args:
            images: stored bytes.
            compute: takes the stored bytes of images whose features are not known, string ``[m]``, and gives their
                features, float32 ``[m, d]``.
            into: where they are written.
        """
        keys = [hashlib.sha256(image).digest() for image in images]
        unknown = {key: place for place, key in enumerate(keys) if key not in self._found and key not in self._added}
        if unknown:
            places = list(unknown.values())
            into[places] = compute(tf.constant([images[place] for place in places]))
            self._added |= {key: into[place] for key, place in unknown.items()}
        for place, key in enumerate(keys):
            if unknown.get(key) != place:
                into[place] = self._found[key] if key in self._found else self._added[key]

    def write(self) -> None:
        """Writes the features that were computed, if any."""
        if self._folder is not None:
            added = iter(self._added.items())
            while part := dict(islice(added, _IMAGES_PER_FILE)):
                self._write_file(self._folder, part)
        self._found |= self._added
        self._added = {}

    def _write_file(self, folder: str, added: Mapping[bytes, NDArray[np.float32]]) -> None:
        keys = np.frombuffer(b"".join(added), np.uint8).reshape(-1, hashlib.sha256().digest_size)
        content = io.BytesIO()
        np.savez(content, keys=keys, vectors=np.stack(list(added.values())))
        tf.io.gfile.makedirs(folder)
        path = os.path.join(folder, f"{hashlib.sha256(keys.tobytes()).hexdigest()}.npz")
        # A file that is renamed is there as a whole or not at all; several workers may write the same one.
        part = f"{path}.{uuid4().hex}.part"
        with tf.io.gfile.GFile(part, "wb") as file:
            file.write(content.getvalue())
        tf.io.gfile.rename(part, path, overwrite=True)

    def _files(self) -> list[str]:
        if self._folder is None or not tf.io.gfile.isdir(self._folder):
            return []
        names = sorted(name for name in tf.io.gfile.listdir(self._folder) if name.endswith(".npz"))
        return [os.path.join(self._folder, name) for name in names]

    def _read(self, path: str) -> None:
        try:
            with tf.io.gfile.GFile(path, "rb") as file, np.load(io.BytesIO(file.read()), allow_pickle=False) as arrays:
                keys, vectors = arrays["keys"], arrays["vectors"]
            self._found |= {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}
        except Exception:  # a damaged file fails in any way
            return


def cache_folder(folder: str, *identities: Any) -> str:
    """The folder of one extractor's features below the folder of all.

    Args:
        identities: what its features depend on: code, weights, options.
    """
    return os.path.join(folder, hashlib.sha256(repr(identities).encode()).hexdigest()[:16])
