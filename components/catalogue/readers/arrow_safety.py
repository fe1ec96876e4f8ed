"""Parquet and Arrow files from anywhere run no code."""

from __future__ import annotations

from functools import cache
from typing import NoReturn

import pyarrow as pa
import pyarrow_hotfix

_NAME = "arrow.py_extension_type"


class _Refused(pa.ExtensionType):
    """Stands for a column's type that a file holds as a pickled Python class."""

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> NoReturn:
        raise pa.ArrowInvalid("the type of a column is a pickled Python class, which could run any code")


@cache
def refuse_pickled_types() -> None:
    """Makes pyarrow raise ``ArrowInvalid`` for a file with a column whose type is a pickled Python class.

    Before 14.0.1 pyarrow unpickles it, and so runs what the file brings along (CVE-2023-47248). Beam's remedy,
    ``pyarrow_hotfix``, comes first: later it would replace this one, and it raises what no reader expects.
    """
    pyarrow_hotfix.install()
    if hasattr(pa, "PyExtensionType"):
        pa.unregister_extension_type(_NAME)
        pa.register_extension_type(_Refused(pa.null(), _NAME))
