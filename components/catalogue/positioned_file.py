"""Raw files of which a size is known and any part can be asked for."""

from __future__ import annotations

import io


class PositionedFile(io.RawIOBase):
    """A file of ``size`` bytes with a position; who derives from it reads."""

    def __init__(self, size: int) -> None:
        self._size, self._position = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"position {start + offset} lies before the file's start")
        self._position = start + offset
        return self._position
