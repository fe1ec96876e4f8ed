"""Reads the tensors of a file that ``torch.save`` wrote, without PyTorch and by an unpickler with an allow-list.

The format is PyTorch's older one, which is no zip archive (``torch/serialization.py``, ``_legacy_load``): one after the
other, the pickles of a magic number, the version, the machine's sizes, the object and the keys of its storages; then
for each key the number of elements, int64, and the elements.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from math import prod
from typing import Any, NamedTuple

import numpy as np

from diptych.models.images.pretrained.errors import WeightsError

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def read_state_dict(content: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Reads the tensors of a saved ``state_dict``.

    Args:
        content: of the file.

    Returns:
        The tensors by name: float32 or int64, of the shape that PyTorch gave them.

    Raises:
        WeightsError: the content is not of this format, or holds anything but tensors by name.
    """
    file = io.BytesIO(content)
    try:
        magic, version, sizes = (_Unpickler(file).load() for _ in range(3))
        if magic != _MAGIC_NUMBER or version != _VERSION or not sizes["little_endian"]:
            raise WeightsError("is not of the format that it should be: torch.save's older one, of little-endian bytes")
        tensors: dict[str, _Tensor] = dict(_Unpickler(file).load())
        elements = _read_storages(file, {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()})
        return {name: tensor.read(elements) for name, tensor in tensors.items()}
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle fails in any way
        raise WeightsError(f"holds no tensors by name: {type(error).__name__}: {ascii(str(error)):.200}") from None


class _Storage(NamedTuple):
    """Elements that come later in the file, under a key."""

    key: str
    dtype: np.dtype[Any]


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides are counted in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, elements: dict[str, bytes]) -> np.ndarray[Any, Any]:
        dtype, data = self.storage.dtype, elements[self.storage.key]
        if min(self.strides, default=0) < 0 or prod(self.shape) * dtype.itemsize > len(data):
            raise WeightsError(f"holds a tensor of the shape {self.shape} whose data have {len(data)} bytes")
        strides = [stride * dtype.itemsize for stride in self.strides]
        # numpy refuses what lies outside the data.
        view: np.ndarray[Any, Any] = np.ndarray(self.shape, dtype, data, self.offset * dtype.itemsize, strides)
        return np.ascontiguousarray(view).reshape(self.shape)


def _read_storages(file: io.BytesIO, dtypes: dict[str, np.dtype[Any]]) -> dict[str, bytes]:
    elements = {}
    for key in _Unpickler(file).load():
        size = int.from_bytes(file.read(8), "little") * dtypes[key].itemsize
        elements[key] = file.read(size)
        if len(elements[key]) != size:
            raise WeightsError("is cut off")
    return elements


class _Unpickler(pickle.Unpickler):
    """Python's unpickler, which may use the names in ``_GLOBALS`` only."""

    def find_class(self, module: str, name: str) -> Any:
        found = _GLOBALS.get(f"{module}.{name}")
        if found is None:
            raise WeightsError(f"would use {ascii(f'{module}.{name}'):.200}, which no file of tensors does")
        return found

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, key, _device, _size, view = identity
        if kind != "storage" or not isinstance(dtype, np.dtype) or view is not None:
            raise WeightsError(f"holds a reference to {ascii(kind):.40}, which is no storage of numbers")
        return _Storage(key, dtype)


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """``torch._utils._rebuild_tensor_v2``."""
    return _Tensor(storage, offset, shape, strides)


_GLOBALS: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.LongStorage": np.dtype("<i8"),
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
}
