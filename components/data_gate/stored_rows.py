"""Reads the rows that the gate's rules look at from the stored examples."""

from __future__ import annotations

from diptych.components.data_gate.split_rows import ROW_FEATURES, SplitRows, make_split_rows
from diptych.components.example_columns import read_columns
from diptych.models.tfrecords import list_split_files


def read_split_rows(examples_uri: str, split: str) -> SplitRows:
    """Reads a split of an Examples artifact; pixels are not decoded.

    Raises:
        tf.errors.OpError: a file cannot be read, or holds something else than examples.
    """
    columns = read_columns(list_split_files(examples_uri, split), ROW_FEATURES)
    return make_split_rows(columns.labels, columns.values)
