"""Reads pickles of plain data, and builds nothing else, whatever the file says.

A pickle is a program that may call anything. The names that this one may say (``_GLOBALS``) stand for functions of this
module, never for what they name; opcodes that make instances, or fetch what the file does not hold, are refused. Not
``pickle.Unpickler``: its memo allocates whatever index a file claims, and ``find_class`` alone leaves numpy's
``__setstate__``, the extension registry and the arguments of permitted calls to the file.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import SEEK_END
from math import prod
from typing import Any, BinaryIO, NoReturn

import numpy as np

from diptych.models.errors import DiptychError

#: What a file may grow to, in bytes of text and entries of containers for each of its bytes; shared values count each
#: time.
GROWTH = 256
#: Of containers within containers: more than data has, little enough for those who walk through it by recursion.
MOST_DEPTH = 64

Array = np.ndarray[Any, Any]

_REMEDY = "load it where it was written, and pickle lists, dicts, texts, numbers and NumPy arrays only, or write CSV"
# numpy frees arrays within arrays by recursion, which ends the process some ten thousand levels down.
_MOST_OBJECT_ARRAYS = 1000
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,9}|O[48]?")
_LEAVES = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})


class PickleFileError(DiptychError):
    """The file cannot be read; the message says why."""


class UnsafePickleError(PickleFileError):
    """The file holds, or would do, more than plain data; the message names it and the remedy."""


def load(file: BinaryIO) -> object:
    """Reads one pickle of any protocol, by Python 2 or 3, numpy 1 or 2.

    Python 2 had one type for text and bytes: where it is UTF-8 it is read as text.

    Args:
        file: can be read from any position; it must hold nothing after the pickle.

    Returns:
        None, bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, OrderedDict, set, frozenset, numpy
        scalars, and arrays of bool, numbers, texts or such objects. No container holds itself, a key of a dict or
        member of a set is one value, and it is at most ``MOST_DEPTH`` deep.

    Raises:
        UnsafePickleError: it holds anything else, or grows to more than ``GROWTH`` times the file's size.
        PickleFileError: it is no whole pickle.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    try:
        value = _PlainUnpickler(file, size).load()
        _check_plain(value, GROWTH * size)
    except PickleFileError:
        raise
    except Exception as error:  # a stack machine that runs any bytes fails in any way
        raise PickleFileError(f"is no whole pickle: {_printable(f'{type(error).__name__}: {error}')}") from None
    return value


@dataclass(frozen=True)
class _Global:
    """What a name in the file stands for."""

    name: str
    call: Callable[..., object]


@dataclass
class _Dtype:
    """A dtype that is being built: what follows it in the file gives its byte order."""

    value: np.dtype[Any]

    def build(self, state: Any) -> None:
        version, order, subarray, names, fields, size, *_ = state
        if (
            version not in (3, 4)
            or order not in ("<", ">", "|", "=")
            or not subarray is names is fields is None
            or size not in (-1, self.value.itemsize)
        ):
            raise UnsafePickleError(f"holds a NumPy array of a structured type; {_REMEDY}")
        self.value = self.value.newbyteorder(order)


class _Source:
    """The file, of which nobody can ask more than there is: a claimed length allocates nothing."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.readline = file.readline
        self._file, self._size = file, size

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, self._size))


# Python's own implementation in Python: its parts can be replaced one by one.
_PythonUnpickler: Any = pickle._Unpickler


class _PlainUnpickler(_PythonUnpickler):
    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(_Source(file, size))
        self._file, self._size = file, size
        self._left = GROWTH * size
        self._object_arrays = 0

    def load(self) -> object:
        value = super().load()
        if rest := self._size - self._file.tell():
            raise PickleFileError(f"holds {rest} bytes after its first object; pickle one object to a file")
        return value

    def find_class(self, module: str, name: str) -> _Global:
        found = _GLOBALS.get((module, name))
        if found is None:
            raise UnsafePickleError(f"would use '{_printable(f'{module}.{name}')}', which is no plain data; {_REMEDY}")
        return found

    def _decode_string(self, value: bytes) -> str | bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value

    def _spend(self, values: Iterable[Any]) -> None:
        """Copies are paid for: a few bytes of the file could ask for a copy of all that was read."""
        self._left -= sum(len(value) for value in values if isinstance(value, (str, bytes, bytearray, list, tuple)))
        if self._left < 0:
            raise _too_large()

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not isinstance(function, _Global) or type(arguments) is not tuple:
            raise UnsafePickleError(f"would call what is no function; {_REMEDY}")
        self._spend(arguments)
        self.stack[-1] = function.call(*arguments)

    def load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(state) is not tuple or not isinstance(target, (_Dtype, np.ndarray)):
            raise UnsafePickleError(f"would set the state of a {type(target).__name__}; {_REMEDY}")
        self._spend(state)
        if isinstance(target, _Dtype):
            target.build(state)
        else:
            self._fill(target, *state)

    def _fill(self, array: Array, version: Any, shape: Any, dtype: Any, fortran: Any, data: Any) -> None:
        if array.shape != (0,) or version != 1 or not isinstance(dtype, _Dtype) or not isinstance(fortran, int):
            raise PickleFileError("holds a NumPy array whose state is not one")
        if dtype.value.kind == "O":
            self._object_arrays += 1
            if self._object_arrays > _MOST_OBJECT_ARRAYS:
                raise UnsafePickleError(f"holds more than {_MOST_OBJECT_ARRAYS} NumPy arrays of objects; {_REMEDY}")
            _check_shape(shape, 1, len(_of_type(data, list)))
        else:
            data = _raw(data)
            _check_data(dtype.value, shape, data)
        array.__setstate__((1, shape, dtype.value, bool(fortran), data))

    def load_append(self) -> None:
        value = self.stack.pop()
        _of_type(self.stack[-1], list).append(value)

    def load_appends(self) -> None:
        values = self.pop_mark()
        _of_type(self.stack[-1], list).extend(values)

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        _update(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        entries = self.pop_mark()
        _update(self.stack[-1], entries)

    def load_dict(self) -> None:
        entries = self.pop_mark()
        self.stack.append({})
        _update(self.stack[-1], entries)

    def load_additems(self) -> None:
        members = self.pop_mark()
        _of_type(self.stack[-1], set).update(_keys(members))

    def load_frozenset(self) -> None:
        members = self.pop_mark()
        self.stack.append(frozenset(_keys(members)))

    def load_bytearray8(self) -> None:
        length = int.from_bytes(self.read(8), "little")
        self.stack.append(bytearray(self.read(min(length, self._size))))

    def load_inst(self) -> NoReturn:
        module, name = (self.readline()[:-1].decode() for _ in range(2))
        raise UnsafePickleError(f"would make an object of '{_printable(f'{module}.{name}')}'; {_REMEDY}")

    def refuse(self) -> NoReturn:
        raise UnsafePickleError(f"holds an object, or a reference to something outside the file; {_REMEDY}")

    dispatch = {
        **_PythonUnpickler.dispatch,
        pickle.REDUCE[0]: load_reduce,
        pickle.BUILD[0]: load_build,
        pickle.APPEND[0]: load_append,
        pickle.APPENDS[0]: load_appends,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.ADDITEMS[0]: load_additems,
        pickle.FROZENSET[0]: load_frozenset,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.INST[0]: load_inst,
        pickle.OBJ[0]: refuse,
        pickle.NEWOBJ[0]: refuse,
        pickle.NEWOBJ_EX[0]: refuse,
        pickle.PERSID[0]: refuse,
        pickle.BINPERSID[0]: refuse,
        pickle.EXT1[0]: refuse,
        pickle.EXT2[0]: refuse,
        pickle.EXT4[0]: refuse,
        pickle.NEXT_BUFFER[0]: refuse,
        pickle.READONLY_BUFFER[0]: refuse,
    }


def _printable(text: str) -> str:
    return text[:200].encode("ascii", "backslashreplace").decode()


def _too_large() -> UnsafePickleError:
    return UnsafePickleError(f"grows to more than {GROWTH} times its size, by values that it names again and again")


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise UnsafePickleError(f"would add entries to a {type(value).__name__}; {_REMEDY}")
    return value


def _update(target: Any, entries: Sequence[Any]) -> None:
    if type(target) not in (dict, OrderedDict):
        raise UnsafePickleError(f"would set entries of a {type(target).__name__}; {_REMEDY}")
    target.update(zip(_keys(entries[::2]), entries[1::2], strict=True))


def _keys(values: Sequence[Any]) -> Sequence[Any]:
    """The values, if they can be hashed in little time: tuples in tuples take ages, and great integers collide."""
    for value in values:
        kind = type(value)
        if kind is int and not -(2**63) <= value < 2**63:
            raise UnsafePickleError(f"has an integer beyond 64 bits as a key; {_REMEDY}")
        if kind not in _LEAVES and not isinstance(value, np.generic):
            raise UnsafePickleError(f"has a {kind.__name__} as a key; {_REMEDY}")
    return values


def _raw(data: Any) -> bytes | bytearray:
    """The bytes of an array; Python 2's may have been taken for text."""
    content = data.encode() if isinstance(data, str) else data
    if not isinstance(content, (bytes, bytearray)):
        raise PickleFileError(f"holds a NumPy array whose data is a {type(data).__name__}")
    return content


def _check_shape(shape: Any, item_bytes: int, held_bytes: int) -> None:
    """Refuses shapes that do not fit the data, and empty ones of many rows: to walk through them could take forever."""
    if type(shape) is not tuple or any(type(side) is not int or side < 0 for side in shape):
        raise PickleFileError("holds a NumPy array whose shape is none")
    if prod(shape) * item_bytes != held_bytes or (held_bytes == 0 and any(shape[:1])):
        sides = ", ".join(f"{side:.3g}" for side in shape[:8])
        raise PickleFileError(f"holds a NumPy array of shape [{sides}] whose data has {held_bytes} bytes")


def _check_data(dtype: np.dtype[Any], shape: Any, content: bytes | bytearray) -> None:
    _check_shape(shape, dtype.itemsize, len(content))
    if dtype.kind == "U" and (np.frombuffer(content, dtype.byteorder + "u4") > 0x10FFFF).any():
        raise PickleFileError("holds a NumPy array of text with characters that do not exist")


def _make(kind: type) -> Callable[..., object]:
    """Of some values that must be hashable, or of none."""

    def make(values: Sequence[Any] = ()) -> object:
        return kind(_keys(_of_type(values, list) if values else []))

    return make


def _make_empty(kind: type) -> Callable[..., object]:
    return lambda: kind()


def _make_encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """Protocols 0 to 2 have no bytes: they are text of the first 256 characters."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise PickleFileError("holds bytes that are none")
    return text.encode("latin1")


def _make_bytes(*arguments: Any) -> bytes:
    return _make_encoded(*arguments) if arguments else b""


def _make_bytearray(*arguments: Any) -> bytearray:
    if len(arguments) == 1 and isinstance(arguments[0], (bytes, bytearray)):
        return bytearray(arguments[0])
    return bytearray(_make_bytes(*arguments))


def _make_complex(real: Any, imaginary: Any) -> complex:
    return complex(_of_type(real, float), _of_type(imaginary, float))


def _make_ordered(pairs: Sequence[Any] = ()) -> object:
    """Python 2 gave the entries to the call, as lists of two."""
    made: OrderedDict[Any, Any] = OrderedDict()
    for key, value in pairs:
        _update(made, [key, value])
    return made


def _make_default(_: object = None) -> object:
    return {}


def _make_dtype(code: Any, _align: Any = False, _copy: Any = True) -> _Dtype:
    if type(code) is not str or not _DTYPE.fullmatch(code):
        raise UnsafePickleError(f"holds a NumPy array of the type {_printable(repr(code)[:40])}; {_REMEDY}")
    return _Dtype(np.dtype("O" if code[0] == "O" else code))


def _make_scalar(dtype: Any, data: Any) -> object:
    if not isinstance(dtype, _Dtype) or dtype.value.kind == "O":
        raise UnsafePickleError(f"holds a NumPy scalar of no number or text; {_REMEDY}")
    content = _raw(data)
    _check_data(dtype.value, (), content)
    return np.frombuffer(content, dtype.value)[0] if content else dtype.value.type()


def _make_blank_array(kind: Any, shape: Any, _code: Any) -> Array:
    """What is filled by the state that follows."""
    if kind is not _NDARRAY or shape != (0,):
        raise UnsafePickleError(f"holds a NumPy array of a special kind; {_REMEDY}")
    return np.empty(0, np.int8)


def _make_array_of_buffer(buffer: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Array:
    if not isinstance(dtype, _Dtype) or dtype.value.kind == "O" or order not in ("C", "F", "K"):
        raise UnsafePickleError(f"holds a NumPy array of no numbers or texts; {_REMEDY}")
    content = _raw(buffer)
    _check_data(dtype.value, shape, content)
    array = np.frombuffer(content, dtype.value)
    return array.reshape(shape).transpose(axes) if order == "K" else array.reshape(shape, order=order)


def _refuse_call(*_: object) -> NoReturn:
    raise UnsafePickleError(f"holds an object; {_REMEDY}")


_NDARRAY = _Global("numpy.ndarray", _refuse_call)
_CALLS: dict[str, Callable[..., object]] = {
    **{f"builtins.{kind.__name__}": _make_empty(kind) for kind in (list, dict, str, int, float)},
    **{f"builtins.{kind.__name__}": _make(kind) for kind in (set, frozenset)},
    "builtins.bytes": _make_bytes,
    "builtins.bytearray": _make_bytearray,
    "builtins.complex": _make_complex,
    "collections.OrderedDict": _make_ordered,
    "collections.defaultdict": _make_default,
    "_codecs.encode": _make_encoded,
    # It comes before the name of the class, and that is the name to refuse.
    "copyreg._reconstructor": _refuse_call,
    "numpy.dtype": _make_dtype,
    "numpy._core.multiarray._reconstruct": _make_blank_array,
    "numpy._core.multiarray.scalar": _make_scalar,
    "numpy._core.numeric._frombuffer": _make_array_of_buffer,
}
# Python 2's and numpy 1's names of the same modules.
_OLD_MODULES = {
    "builtins": "__builtin__",
    "copyreg": "copy_reg",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
}


def _globals() -> dict[tuple[str, str], _Global]:
    found = {("numpy", "ndarray"): _NDARRAY}
    for path, call in _CALLS.items():
        module, _, name = path.rpartition(".")
        for alias in (module, _OLD_MODULES.get(module, module)):
            found[alias, name] = _Global(path, call)
    return found


_GLOBALS = _globals()


def _check_plain(root: object, most_cost: int) -> None:
    """Walks through all that was read, each container once, without recursion.

    Raises:
        UnsafePickleError: something else than plain data, a container in itself, too deep, or too much of it where each
            shared value counts as often as it is met.
    """
    costs: dict[int, int] = {}
    depths: dict[int, int] = {}
    open_ids: set[int] = set()
    pending = [(root, False)]
    while pending:
        value, is_done = pending.pop()
        key = id(value)
        children = _children(value)
        if children is None or key in costs:
            continue
        if not is_done:
            if key in open_ids:
                raise UnsafePickleError(f"holds a {type(value).__name__} that holds itself")
            open_ids.add(key)
            pending.append((value, True))
            pending.extend((child, False) for child in children if _children(child) is not None)
            continue
        open_ids.discard(key)
        costs[key] = 1 + sum(costs[id(child)] if id(child) in costs else _leaf_cost(child) for child in children)
        depths[key] = 1 + max((depths.get(id(child), 0) for child in children), default=0)
        if depths[key] > MOST_DEPTH:
            raise UnsafePickleError(f"holds containers within containers, more than {MOST_DEPTH} deep")
        if costs[key] > most_cost:
            raise _too_large()
    _leaf_cost(root)


def _children(value: Any) -> Any:
    """What a container holds; None of anything else."""
    kind = type(value)
    if kind in (dict, OrderedDict):
        return value.values()
    if kind in (list, tuple, set, frozenset):
        return value
    return value.flat if kind is np.ndarray and value.dtype.kind == "O" else None


def _leaf_cost(value: Any) -> int:
    kind = type(value)
    if kind is np.ndarray:
        return 1 + int(value.nbytes)
    if kind in (str, bytes, bytearray):
        return 1 + len(value)
    if kind in _LEAVES or isinstance(value, np.generic) or _children(value) is not None:
        return 1
    name = value.name if isinstance(value, _Global) else "numpy.dtype" if isinstance(value, _Dtype) else kind.__name__
    raise UnsafePickleError(f"holds '{name}' where data is expected; {_REMEDY}")
