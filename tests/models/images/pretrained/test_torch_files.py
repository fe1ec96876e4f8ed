"""Files of torch.save are read as PyTorch would, and nothing else in them is run."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from diptych.models.images.pretrained.errors import WeightsError
from diptych.models.images.pretrained.torch_files import read_state_dict

HEADER = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
VALUES = np.arange(6, dtype="<f4")
# Pickled as the reference to the one storage.
_STORAGE = object()


class _Name:
    """Pickled as the name of a function or class that need not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__, self.__qualname__ = module, name


class _Call:
    """Pickled as a call of the function of that name."""

    def __init__(self, module: str, name: str, *arguments: Any) -> None:
        self.function, self.arguments = _Name(module, name), arguments


def _tensor(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> _Call:
    """A tensor on the storage, as PyTorch pickles it."""
    return _Call("torch._utils", "_rebuild_tensor_v2", _STORAGE, offset, shape, strides, False, OrderedDict())


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """The pickler in Python, which can be told what to write for a name."""

    storage: Any = ("storage", _Name("torch", "FloatStorage"), "1", "cpu", 6, None)

    def persistent_id(self, value: Any) -> Any:
        return self.storage if value is _STORAGE else None

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if isinstance(value, _Name):
            self.write(b"c" + f"{value.__module__}\n{value.__qualname__}\n".encode())
        elif isinstance(value, _Call):
            self.save(value.function)
            self.save(value.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def saved(value: Any, header: list[Any] = HEADER, count: int = 6) -> bytes:
    """What ``torch.save`` writes of a value whose tensors are on one storage."""
    file = io.BytesIO()
    for each in (*header, value, ["1"]):
        _Pickler(file, protocol=2).dump(each)
    return file.getvalue() + count.to_bytes(8, "little") + VALUES.tobytes()


def test_tensors_are_views_of_storages() -> None:
    state = OrderedDict(
        whole=_tensor(0, (6,), (1,)),
        turned=_tensor(0, (2, 3), (1, 2)),
        part=_tensor(4, (2,), (1,)),
        one=_tensor(5, (), ()),
    )
    found = read_state_dict(saved(state))
    assert found["whole"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found["turned"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert found["part"].tolist() == [4, 5]
    assert found["one"].shape == () and found["one"] == 5
    assert all(each.dtype == np.float32 and each.flags["C_CONTIGUOUS"] for each in found.values())


@pytest.mark.parametrize(
    "tensor",
    [
        _tensor(1, (6,), (1,)),
        _tensor(-1, (2,), (1,)),
        _tensor(0, (2,), (6,)),
        _tensor(5, (2,), (-1,)),
        _tensor(0, (1 << 40,), (0,)),
    ],
    ids=["too long", "before", "stride", "backwards", "repeated"],
)
def test_tensors_outside_their_storage_are_refused(tensor: _Call) -> None:
    with pytest.raises(WeightsError):
        read_state_dict(saved({"tensor": tensor}))


@pytest.mark.parametrize("name", ["posix.system", "builtins.eval", "builtins.getattr", "numpy.empty", "torch.load"])
def test_no_other_function_is_called(name: str) -> None:
    with pytest.raises(WeightsError, match=f"would use '{name}'"):
        read_state_dict(saved({"tensor": _Call(*name.split("."), "1")}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip archive",
        pickle.dumps("text"),
        saved({}, header=[0, *HEADER[1:]]),
        saved({}, header=[*HEADER[:2], {"little_endian": False}]),
        saved(["no names"]),
        saved({"number": 3}),
        saved({"tensor": _tensor(0, (6,), (1,))})[:-1],
        saved({"tensor": _tensor(0, (6,), (1,))}, count=7),
    ],
    ids=["empty", "zip", "pickle", "magic", "big-endian", "list", "number", "cut off", "count"],
)
def test_what_is_no_file_of_tensors_is_refused(content: bytes) -> None:
    with pytest.raises(WeightsError):
        read_state_dict(content)


def test_references_to_anything_but_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for storage in (("module", "source"), ("storage", OrderedDict, "1", "cpu", 6, None), "1"):
        monkeypatch.setattr(_Pickler, "storage", storage)
        with pytest.raises(WeightsError):
            read_state_dict(saved({"tensor": _tensor(0, (6,), (1,))}))
