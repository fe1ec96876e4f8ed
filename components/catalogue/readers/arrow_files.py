"""Opens files that pyarrow reads in another process, see ``isolated_reading``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.isolated_reading import Form, IsolatedFile
from diptych.components.catalogue.storage import open_file


@contextmanager
def open_isolated(source: str, uri: str, data: DataOptions, form: Form) -> Iterator[IsolatedFile]:
    """Opens a source, or the copy of it that a URI names, for another process.

    Raises:
        CatalogueError: at any time in the block: it is broken.
        OSError: it cannot be read.
    """
    with open_file(uri, data.fetch, data.limits) as file:
        opened = IsolatedFile(file, source, data, form)
        try:
            yield opened
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise opened.broken(str(error)) from None
