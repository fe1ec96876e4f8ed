"""How functions become graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def without_autograph(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps AutoGraph from rewriting a function and all that it calls, when ``tf.data`` makes a graph of it.

    Rewriting the code of TFT and Keras below a call takes longer than an epoch of a small dataset. Conditions and loops
    over tensors are then to be written as ``tf.cond`` and ``tf.while_loop``.
    """
    wrapped: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return wrapped
