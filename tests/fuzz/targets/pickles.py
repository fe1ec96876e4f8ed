"""The unpicklers with an allow-list: of datasets, and of weights of PyTorch."""

from __future__ import annotations

import pickle
import resource
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from diptych.models.images.pretrained.torch_files import read_state_dict
from diptych.pipeline.convert.legacy_dataset import read_legacy_dataset
from tests.fuzz.target import Target, refusals
from tests.models.images.pretrained.test_torch_files import _tensor, saved

_MEMORY = 512 << 20
_PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@contextmanager
def _limited_memory() -> Iterator[None]:
    """Limits the memory, as ``diptych.pipeline.convert.isolation`` does."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, limits[1]))
    try:
        with suppress(MemoryError):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _pickle(content: bytes) -> None:
    with TemporaryDirectory() as folder, refusals(), _limited_memory():
        path = Path(folder, "rows.pkl")
        path.write_bytes(content)
        for row in read_legacy_dataset(str(path)).rows:
            repr(row)


def _pickles() -> Iterable[bytes]:
    array = np.arange(12, dtype=">u2").reshape(3, 4)
    values: list[Any] = [
        [{"image": "a.png", "description": "x", "label": 1.5}, ("b.png", b"y", None)],
        {"image": np.array(["a", "b"]), "label": np.array([1, None], object), "description": ["x", True]},
        (np.zeros((2, 2, 2, 3), np.uint8), ["x", "y"], np.float32([0, 1])),
        [array[0, 0], array.T, {1, 2}, frozenset("a"), bytearray(b"x"), 3j, 2**70],
        [OrderedDict(a=1), defaultdict(list, b=[2])],
    ]
    return [pickle.dumps(value, protocol) for value in values for protocol in _PROTOCOLS]


def _torch_file(content: bytes) -> None:
    """A file of weights; one of another digest than that of the known ones is not read at all."""
    with refusals(), _limited_memory():
        for tensor in read_state_dict(content).values():
            tensor.sum()


def _torch_files() -> Iterable[bytes]:
    state = {"whole": _tensor(0, (6,), (1,)), "turned": _tensor(0, (2, 3), (1, 2)), "one": _tensor(5, (), ())}
    return [saved(state), saved({})]


_NAMES = [
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy._core.numeric\n_frombuffer\n",
    b"cnumpy\ndtype\n",
    b"cnumpy\nndarray\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"c_codecs\nencode\n",
    b"c__builtin__\nset\n",
    b"ccollections\nOrderedDict\n",
    b"ccollections\ndefaultdict\n",
    b"cposix\nsystem\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
]

TARGETS = {"pickle": Target(_pickle, _pickles, _NAMES), "torch_file": Target(_torch_file, _torch_files, _NAMES)}
