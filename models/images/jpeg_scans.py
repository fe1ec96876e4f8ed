"""TensorFlow ops that find progressive JPEG files which end before the last scans.

What such files lack is estimated from its surroundings, by each version of libjpeg-turbo in another way.
"""

from __future__ import annotations

import tensorflow as tf

# Start of a frame of a progressive file, and of a scan (ITU-T T.81, table B.1).
_FRAME, _SCAN = b"\xff\xc2", b"\xff\xda"
_HEADER_BYTES = 8
_LAST_COEFFICIENT = 63


def lacks_scans(image: tf.Tensor) -> tf.Tensor:
    """Whether a JPEG file is progressive, and no scan completes the coefficients of some component; bool.

    Args:
        image: scalar string.
    """
    return _frame_components(image) > _complete_components(image)


def _frame_components(image: tf.Tensor) -> tf.Tensor:
    """The number of components of a progressive file (ITU-T T.81, section B.2.2); 0 for others."""
    headers = _headers(image, _FRAME)
    count = headers[:, 7]
    # The two bytes may stand elsewhere too, such as in a profile.
    is_frame = (headers[:, 0] == 0) & (headers[:, 1] == 8 + 3 * count) & (headers[:, 2] == 8)
    return tf.reduce_max(tf.concat([[0], tf.where(is_frame, count, 0)], axis=0))


def _complete_components(image: tf.Tensor) -> tf.Tensor:
    """The number of components that have a scan of the last coefficient's last bit (ITU-T T.81, section B.2.3)."""
    headers = _headers(image, _SCAN)
    is_of_one = headers[:, 2] == 1
    is_last = (headers[:, 6] == _LAST_COEFFICIENT) & (headers[:, 7] % 16 == 0)
    return tf.size(tf.unique(tf.boolean_mask(headers[:, 3], is_of_one & is_last)).y)


def _headers(image: tf.Tensor, marker: bytes) -> tf.Tensor:
    """The bytes that follow each marker, int32 ``[n, 8]``; zeros behind the end of the file."""
    followed = tf.strings.join([tf.strings.split(image, marker)[1:], b"\0" * _HEADER_BYTES])
    headers = tf.io.decode_raw(tf.strings.substr(followed, 0, _HEADER_BYTES), tf.uint8)
    return tf.cast(tf.reshape(headers, [-1, _HEADER_BYTES]), tf.int32)
