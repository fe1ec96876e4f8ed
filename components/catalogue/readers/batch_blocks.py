"""Arrow's record batches, as one process hands them over to another: a stream of Arrow, cut where a batch ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

# Of a batch of more bytes, one row is handed over at a time.
_LARGE_BYTES = 64 << 20
_SIZE_BYTES = 8


@dataclass(frozen=True)
class LargeRow:
    """Stands for a row that takes too much memory.

    Attributes:
        size: in bytes.
    """

    size: int


def to_blocks(schema: pa.Schema, batches: Iterable[pa.RecordBatch | str], most: int) -> Iterator[bytes | str]:
    """Yields a block for the schema, and one for each batch, or for each row of a large one.

    Args:
        batches: and texts among them, which are passed on.
        most: bytes that a row of a large batch may take. Of a larger one, only the size is handed over.
    """
    sink = _Sink()
    yield schema.serialize().to_pybytes()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            if isinstance(batch, str):
                yield batch
                continue
            for part in _parts(batch):
                if part.num_rows == 1 and part.nbytes > most:
                    yield part.nbytes.to_bytes(_SIZE_BYTES, "little")
                else:
                    writer.write_batch(part)
                    yield sink.take()


def from_blocks(blocks: Iterator[bytes | bytearray]) -> tuple[pa.Schema, Iterator[pa.RecordBatch | LargeRow]]:
    """The schema and batches of blocks; a large row stands for itself."""
    return pa.ipc.read_schema(pa.py_buffer(next(blocks))), _batches(blocks)


def check_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, whose values lie where it has data: pyarrow believes what a file says, and crashes where it is wrong.

    Raises:
        ArrowInvalid: a value lies elsewhere.
    """
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            # A text that is no UTF-8 concerns its row alone.
            values = column.dictionary if pa.types.is_dictionary(column.type) else column
            values.view(_without_texts(values.type)).validate(full=True)
    return batch


def _batches(blocks: Iterator[bytes | bytearray]) -> Iterator[pa.RecordBatch | LargeRow]:
    source, stream = _Source(), None
    for block in blocks:
        if len(block) == _SIZE_BYTES:
            yield LargeRow(int.from_bytes(block, "little"))
            continue
        source.put(block)
        stream = stream or pa.ipc.open_stream(source)
        yield check_batch(stream.read_next_batch())


def _without_texts(kind: pa.DataType) -> pa.DataType:
    """The type with bytes in the place of texts."""
    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(_without_texts(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_texts(field.type)) for field in kind])
    return kind


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.nbytes <= _LARGE_BYTES:
        return iter([batch])
    return (batch.slice(row, 1) for row in range(batch.num_rows))


class _Sink:
    """A file that gives away what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, content: bytes) -> int:
        self._written.append(content)
        return len(content)

    def flush(self) -> None:
        """Nothing is kept from being read."""

    def take(self) -> bytes:
        """What was written since."""
        content = b"".join(self._written)
        self._written.clear()
        return content


class _Source:
    """A file to read, which is given its content block by block."""

    closed = False

    def put(self, block: bytes | bytearray) -> None:
        """Takes the next block, when all before it have been read."""
        self._view = memoryview(block)

    def read(self, count: int = -1) -> bytes:
        count = len(self._view) if count < 0 else count
        content = bytes(self._view[:count])
        self._view = self._view[count:]
        return content
