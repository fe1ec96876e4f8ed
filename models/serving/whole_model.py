"""Tells models that are whole from those of which a push or a copy was interrupted, by the formats of their files."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping

from diptych.models.pattern_signs import plain_paths
from diptych.models.serving.card import card_path, encoders_path, weights_path
from diptych.models.version_directories import WholeVersion, find_whole_version, list_versions

#: TensorFlow Serving and TFX take a folder for a model when this file is there: it is written last.
SAVED_MODEL_FILE = "saved_model.pb"
_INDEX_ENDING = ".index"


def find_whole_model(push_directory: str) -> WholeVersion:
    """The latest pushed model that is whole.

    Args:
        push_directory: where Pusher puts blessed models; a path, or a URI that TensorFlow reads.

    Raises:
        OSError: a model may not be read, or its store does not answer.
    """
    return find_whole_version(list_versions(push_directory), find_model_damage)


def find_model_damage(folder: str) -> str | None:
    """Says which file of an exported model is missing, or is only a part of one; None if the model is whole.

    Args:
        folder: of the SavedModel; a path, or a URI that TensorFlow reads.

    Raises:
        OSError: a file may not be read, or its store does not answer.
    """
    import tensorflow as tf

    for path, check in _list_checks(folder).items():
        name = path[len(folder) :].strip("/")
        try:
            if not _exists(path):
                return f"'{name}' is missing"
            check(path)
        except tf.errors.PermissionDeniedError:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path) from None
        except tf.errors.UnavailableError as error:
            raise OSError(f"'{path}' cannot be read: {error.message}") from None
        except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
            return f"'{name}' is damaged ({str(error).strip().splitlines()[0]})"
    return None


def _list_checks(folder: str) -> Mapping[str, Callable[[str], None]]:
    """The files that every exported model has, each with what reads it to its end."""
    return {
        os.path.join(folder, SAVED_MODEL_FILE): _check_graph,
        card_path(folder): _check_json,
        encoders_path(folder): _check_json,
        weights_path(folder): _check_weights,
        os.path.join(folder, "variables", "variables" + _INDEX_ENDING): _check_variables,
    }


def _check_graph(path: str) -> None:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        graphs = SavedModel.FromString(_read(path)).meta_graphs
    except DecodeError as error:
        raise ValueError(error) from None
    if not graphs:
        raise ValueError("it holds no graph")
    for asset in (asset.filename for graph in graphs for asset in graph.asset_file_def):
        if not _exists(os.path.join(os.path.dirname(path), "assets", asset)):
            raise ValueError(f"its file 'assets/{asset}' is missing")


def _check_variables(path: str) -> None:
    import tensorflow as tf

    folder, name = os.path.split(path.removesuffix(_INDEX_ENDING))
    with plain_paths([folder]) as links:
        reader = tf.train.load_checkpoint(os.path.join(links.get(folder, folder), name))
        for variable in reader.get_variable_to_shape_map():
            # TensorFlow compares the checksum of what it reads.
            reader.get_tensor(variable)


def _check_json(path: str) -> None:
    json.loads(_read(path))


def _check_weights(path: str) -> None:
    import h5py
    import tensorflow as tf

    # A file of HDF5 begins with its own length, which is compared.
    with tf.io.gfile.GFile(path, "rb") as file, h5py.File(file, "r"):
        pass


def _exists(path: str) -> bool:
    import tensorflow as tf

    try:
        # gfile.exists says no, too, where it may not look.
        tf.io.gfile.stat(path)
    except (tf.errors.NotFoundError, tf.errors.FailedPreconditionError):
        return False
    return True


def _read(path: str) -> bytes:
    import tensorflow as tf

    with tf.io.gfile.GFile(path, "rb") as file:
        return bytes(file.read())
