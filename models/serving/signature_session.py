"""Loads one signature of a SavedModel in a fraction of the time that ``tf.saved_model.load`` takes.

That makes a Python function of each of hundreds of graphs. Here TensorFlow's runtime gets them as they are, as in
TensorFlow Serving, and nothing is imported that only training needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.errors import DiptychError
from diptych.models.pattern_signs import plain_paths

#: A function from the values of a signature's inputs, by their names, to those of its outputs.
Signature = Callable[..., dict[str, NDArray[Any]]]

# What TensorFlow imports if it is installed, and can do without: Keras, whose optimizers it registers, and the client
# that finds TPUs in Google's cloud. They are two fifths of its import.
_DISPENSABLE = ("keras", "googleapiclient")


class OutdatedModelError(DiptychError):
    """A model was exported in a form that only TensorFlow in Python loads whole."""


def import_tensorflow_alone() -> None:
    """Imports TensorFlow without what asking a model does not need, unless it is imported already.

    Keras can be imported later as ever.
    """
    hidden = [] if "tensorflow" in sys.modules else [name for name in _DISPENSABLE if name not in sys.modules]
    # Where there is None, an import fails as if nothing were installed.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import tensorflow  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def open_signature(folder: str, name: str) -> Iterator[Signature]:
    """Loads a signature of an exported model; within the block, it can be called.

    Args:
        folder: of the SavedModel; a path, or a URI that TensorFlow reads.

    Raises:
        OSError: there is no SavedModel.
        OutdatedModelError: when it is called, an earlier Diptych has exported it.
    """
    import_tensorflow_alone()
    import tensorflow as tf

    v1 = tf.compat.v1
    # To optimise the graph takes longer than to answer for many images.
    options = v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    with plain_paths([folder]) as links, v1.Graph().as_default(), v1.Session(config=options) as session:
        path = links.get(folder, folder)
        loaded = _load(path, session, options)
        # The loader finds no variables of TensorFlow 2; this is what TensorFlow Serving runs.
        variables = os.path.join(path, "variables", "variables")
        session.run(loaded.saver_def.restore_op_name, {loaded.saver_def.filename_tensor_name: variables})
        signature = loaded.signature_def[name]
        outputs = {key: tensor.name for key, tensor in signature.outputs.items()}

        def call(**inputs: Any) -> dict[str, NDArray[Any]]:
            values = {signature.inputs[key].name: np.asarray(value, object) for key, value in inputs.items()}
            try:
                return dict(session.run(outputs, values))
            except tf.errors.FailedPreconditionError:
                raise OutdatedModelError(
                    f"'{folder}' was exported by an earlier Diptych, and TensorFlow Serving cannot load it either: run "
                    "again, and it is exported anew"
                ) from None

        yield call


def _load(path: str, session: Any, options: Any) -> Any:
    """Loads the graphs of a SavedModel into a session, and returns the ``MetaGraphDef``.

    Each call of a function holds options of its own, which the session's do not reach; they are replaced.
    """
    import tensorflow as tf
    from tensorflow.python.saved_model.loader_impl import SavedModelLoader

    loader = SavedModelLoader(path)
    graph = loader.get_meta_graph_def_from_tags([tf.saved_model.SERVING]).graph_def
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            if "config_proto" in node.attr:
                node.attr["config_proto"].s = options.SerializeToString()
    return loader.load(session, [tf.saved_model.SERVING])
