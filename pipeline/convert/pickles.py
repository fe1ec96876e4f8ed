"""Reads pickles of plain data, by Python's own unpickler with an allow-list of names.

A pickle is a program that may call whatever it names. Each name that this one may use (``_GLOBALS``) stands for a
function of this module that checks its arguments, or for a class of Python that does no harm whatever it is given. No
name stands for a class of numpy: numpy trusts the state that a pickle gives to arrays and dtypes.

What is left to a hostile file is to use up memory and time, or to nest values so deeply that freeing them crashes the
process. Therefore ``diptych.pipeline.convert.isolation`` runs this module in a process that it limits.
"""

from __future__ import annotations

import os
import pickle
import re
from collections import OrderedDict
from math import prod
from typing import Any, BinaryIO, NoReturn

import numpy as np

from diptych.pipeline.convert.errors import ConversionError

_REMEDY = "load it where it was written, and pickle lists, dicts, texts, numbers and NumPy arrays only, or write CSV"
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,9}|O[48]?")


def load_pickle(file: BinaryIO) -> object:
    """Reads one pickle of any protocol, written by Python 2 or 3 with numpy 1 or 2.

    Python 2 has one type for text and bytes: where it is UTF-8 it is read as text.

    Args:
        file: can be read from any position; it must hold nothing after the pickle.

    Returns:
        None, bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, OrderedDict, set, frozenset, numpy
        scalars, and arrays of bool, numbers, texts or such objects.

    Raises:
        ConversionError: the file needs more than such data does, or is no whole pickle.
    """
    head = file.read(2)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        value = _Unpickler(file, encoding="bytes").load()
        # Python 3 alone writes protocol 3 and above.
        value = value if b"\x80\x03" <= head < b"\x81" else _decode_texts(value)
    except (ConversionError, MemoryError):
        raise
    except Exception as error:  # a program that may call so much fails in any way
        raise ConversionError(f"is no whole pickle: {type(error).__name__}: {ascii(str(error)):.200}") from None
    if rest := size - file.tell():
        raise ConversionError(f"holds {rest} bytes after its first object; pickle one object to a file")
    return value


class _Unpickler(pickle.Unpickler):
    """Python's unpickler, which may use the names in ``_GLOBALS`` only."""

    def find_class(self, module: str, name: str) -> Any:
        found = _GLOBALS.get(f"{_MODULE_NAMES.get(module, module)}.{name}")
        if found is None:
            raise ConversionError(f"would use {ascii(f'{module}.{name}'):.200}, which is no plain data; {_REMEDY}")
        return found

    def persistent_load(self, _identity: Any) -> NoReturn:
        raise ConversionError(f"holds a reference to something outside the file; {_REMEDY}")


class _Python3Bytes(bytes):
    """Bytes that a pickle of protocol 0 to 2 makes by a call, as only Python 3 does."""


def _decode_texts(value: Any) -> Any:
    """The value, with the texts of Python 2 that are UTF-8 decoded."""
    kind = type(value)
    if kind is bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if kind is _Python3Bytes:
        return bytes(value)
    if kind in (list, tuple, set, frozenset):
        return kind(map(_decode_texts, value))
    if kind in (dict, OrderedDict):
        return kind((_decode_texts(key), _decode_texts(held)) for key, held in value.items())
    if kind is ndarray and value.dtype.kind == "O":
        items = np.empty(value.size, object)
        for index, item in enumerate(value.ravel().tolist()):
            items[index] = _decode_texts(item)
        return items.reshape(value.shape)
    return value


class ClassName:
    """Stands for a class that other values name, such as what a default dictionary makes."""


class _Dtype:
    """Stands for a dtype: it is made of a code such as ``f4``, then given a state, which has the byte order."""

    def __init__(self, code: Any, _align: Any = False, _copy: Any = True) -> None:
        code = _as_text(code)
        if not _DTYPE.fullmatch(code):
            raise ConversionError(f"holds a NumPy array of the type {ascii(code):.40}; {_REMEDY}")
        self.dtype = np.dtype("O" if code[0] == "O" else code)

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(_as_text(state[1]))


class ndarray(np.ndarray[Any, Any]):
    """An array that checks the state it is given. Messages name it as they name numpy's."""

    def __setstate__(self, state: Any) -> None:  # type: ignore[override]
        _, shape, dtype, is_fortran, data = state
        if self.shape != (0,):
            raise ConversionError("holds a NumPy array whose state is set twice")
        if isinstance(dtype, _Dtype) and dtype.dtype.kind == "O" and type(data) is list:
            _check_shape(shape, 1, len(data))
        else:
            _check_data(data, dtype, shape)
        super().__setstate__((1, shape, dtype.dtype, bool(is_fortran), data))


def _check_data(data: Any, dtype: Any, shape: Any) -> None:
    """Refuses data that are not bytes, and bytes that do not fit the type and shape of the array."""
    if not isinstance(dtype, _Dtype) or dtype.dtype.kind == "O" or not isinstance(data, (bytes, bytearray)):
        raise ConversionError(f"holds a NumPy array whose data is a {type(data).__name__}; {_REMEDY}")
    _check_shape(shape, dtype.dtype.itemsize, len(data))
    if dtype.dtype.kind == "U" and (np.frombuffer(data, dtype.dtype.byteorder + "u4") > 0x10FFFF).any():
        raise ConversionError("holds a NumPy array of text with characters that do not exist")


def _check_shape(shape: Any, item_size: int, data_size: int) -> None:
    """Refuses a shape that does not fit the size of the data, and many rows without data, which take long to read."""
    if type(shape) is not tuple or any(type(side) is not int or side < 0 for side in shape):
        raise ConversionError("holds a NumPy array whose shape is no tuple of sizes")
    if prod(shape) * item_size != data_size or (data_size == 0 and any(shape[:1])):
        sides = ", ".join(f"{side:.3g}" for side in shape[:8])
        raise ConversionError(f"holds a NumPy array of shape [{sides}] whose data has {data_size} bytes")


def _as_text(value: Any) -> Any:
    """Python 2 writes texts such as ``latin-1`` as bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _make_blank_array(kind: Any, shape: Any, _code: Any) -> ndarray:
    """An array to which the pickle gives a state next."""
    if kind is not _GLOBALS["numpy.ndarray"] or shape != (0,):
        raise ConversionError(f"holds a NumPy array of a special kind; {_REMEDY}")
    return ndarray((0,), np.int8)


def _make_array(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> ndarray:
    """An array of protocol 5. In order ``K``, its data are in order ``C`` with the axes permuted."""
    _check_data(data, dtype, shape)
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype.dtype, data, order="F" if order == "F" else "C")
    return (array.transpose(axes) if order == "K" else array).view(ndarray)


def _make_scalar(dtype: Any, data: Any) -> Any:
    _check_data(data, dtype, ())
    return np.ndarray((), dtype.dtype, data)[()]


def _encode(text: Any = "", encoding: Any = "latin1") -> _Python3Bytes:
    """``codecs.encode``: protocols 0 to 2 hold bytes as texts of the first 256 characters."""
    if type(text) is not str or _as_text(encoding) not in ("latin1", "latin-1"):
        raise ConversionError("holds bytes that are not written as Python 3 writes them")
    return _Python3Bytes(text.encode("latin1"))


def _make_bytearray(content: Any = b"", encoding: Any = "latin1") -> bytearray:
    return bytearray(content if isinstance(content, (bytes, bytearray)) else _encode(content, encoding))


def _make_dict(_default_factory: Any = None) -> dict[Any, Any]:
    return {}


# A pickle of an object of the user's own class names the reconstructor first. It is allowed, so that the refusal names
# the class.
_CLASS_NAMES = [
    "copyreg._reconstructor",
    "numpy.ndarray",
    *(f"builtins.{kind.__name__}" for kind in (dict, float, int, list, str)),
]
# Modules as Python 2 and numpy 1 name them, to their names in Python 3 and numpy 2.
_MODULE_NAMES = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
}
_GLOBALS: dict[str, Any] = {
    **{name: ClassName() for name in _CLASS_NAMES},
    "_codecs.encode": _encode,
    "builtins.bytearray": _make_bytearray,
    "builtins.bytes": _encode,
    "builtins.complex": complex,
    "builtins.frozenset": frozenset,
    "builtins.set": set,
    "collections.OrderedDict": OrderedDict,
    "collections.defaultdict": _make_dict,
    "numpy._core.multiarray._reconstruct": _make_blank_array,
    "numpy._core.multiarray.scalar": _make_scalar,
    "numpy._core.numeric._frombuffer": _make_array,
    "numpy.dtype": _Dtype,
}
