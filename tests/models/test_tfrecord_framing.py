"""Framed records are the bytes that TensorFlow writes."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from diptych.models.tfrecord_framing import frame_record


def test_frames_are_what_tensorflow_writes(tmp_path: Path) -> None:
    path = tmp_path / "records.tfrecord"

    @given(st.lists(st.binary(max_size=200), max_size=5))
    def check(records: list[bytes]) -> None:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
        assert path.read_bytes() == b"".join(map(frame_record, records))

    check()
