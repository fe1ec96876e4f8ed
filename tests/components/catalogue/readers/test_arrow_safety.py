"""A Parquet or Arrow file never runs code, whatever its columns say their types are (CVE-2023-47248)."""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow_hotfix
import pytest

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import make_reader
from diptych.components.catalogue.readers.metadata_files import column_names
from diptych.components.catalogue.readers.rows import CatalogueError


class _Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.mark), "w")


@pytest.mark.promise(
    "A Parquet or Arrow file whose columns have pickled types is refused, and the pickles are not loaded"
)
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_pickled_type_is_refused_and_not_run(tmp_path: Path, kind: str) -> None:
    mark, path = tmp_path / "mark", tmp_path / f"metadata.{kind}"
    told = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(_Trap(mark))}
    schema = pa.schema([pa.field("image", pa.string()), pa.field("text", pa.string(), metadata=told)])
    table = pa.table([pa.array(["a.png"]), pa.array(["a"])], schema=schema)
    if kind == "arrow":
        with pa.ipc.new_file(path, schema) as file:
            file.write(table)
    else:
        pq.write_table(table, path)
    pyarrow_hotfix.install()  # as Beam does, before or after
    data = DataOptions(catalogue=str(path))
    with pytest.raises(CatalogueError, match="the type of a column is a pickled Python class"):
        list(make_reader(kind).sample(str(path), data))
    assert kind == "arrow" or column_names(str(path), data) == []
    assert not mark.exists()
